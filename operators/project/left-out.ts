import { ANNOTATION_LEAVE_OUT } from '#api';
import { shown } from './shown.ts';

/**
 * Prefixes of the label and annotation keys that stay with the source. By these other tools take an object for theirs,
 * and prune or overwrite the copy, or make further copies of it. A prefix that is a whole key covers what begins with it.
 */
const PREFIXES: readonly string[] = [
  // ours: marks, selectors and settings of the source
  'paddock.dev/',
  // kubectl apply: https://kubernetes.io/docs/reference/labels-annotations-taints/#kubectl-kubernetes-io-last-applied-configuration
  'kubectl.kubernetes.io/last-applied-configuration',
  // the common labels by which Argo CD (its default), Helm and many operators find what is theirs:
  // https://argo-cd.readthedocs.io/en/stable/user-guide/resource_tracking/
  // https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/
  'app.kubernetes.io/instance',
  'app.kubernetes.io/managed-by',
  // Argo CD's tracking-id, sync and compare options: https://argo-cd.readthedocs.io/en/stable/user-guide/annotations-and-labels/
  'argocd.argoproj.io/',
  // Helm 3 adopts and deletes by release-name and release-namespace: https://helm.sh/docs/topics/advanced/
  'meta.helm.sh/',
  // Rancher Fleet and wrangler's apply prune by objectset hash and owner: https://github.com/rancher/wrangler/tree/master/pkg/apply
  'objectset.rio.cattle.io/',
  // kubectl apply --prune --applyset: https://kubernetes.io/docs/reference/labels-annotations-taints/#applyset-kubernetes-io-part-of
  'applyset.kubernetes.io/',
  // kapp's app label, identity and original: https://carvel.dev/kapp/docs/latest/apply/
  'kapp.k14s.io/',
  // kpt, Config Sync and GitLab's agent prune by inventory: https://github.com/kubernetes-sigs/cli-utils (pkg/inventory)
  'config.k8s.io/owning-inventory',
  // Reflector spreads by reflection-allowed and -auto-enabled: https://github.com/emberstack/kubernetes-reflector
  'reflector.v1.k8s.emberstack.com/',
  // kubernetes-replicator pushes by replicate-to: https://github.com/mittwald/kubernetes-replicator
  'replicator.v1.mittwald.de/',
  // its forks, by the prefix that they take by default: https://github.com/olli-ai/kubernetes-replicator
  'v1.kubernetes-replicator.olli.com/',
  'kubernetes-replicator',
  // Kubed, Config Syncer: sync, and the origin of what it made: https://config-syncer.com/docs/
  'kubed.appscode.com/',
];

/** Flux's controllers have a domain each, and prune by the owner in it: https://fluxcd.io/flux/components/kustomize/kustomizations/ */
const DOMAIN_SUFFIX = '.toolkit.fluxcd.io';

/** Of annotation {@link ANNOTATION_LEAVE_OUT}. */
const MOST_PREFIXES = 32;
/** A DNS subdomain, a slash and a name: the longest key of a label or annotation. */
const PREFIX_LENGTH = 253 + 1 + 63;
/** The longest annotation that could be right; a longer one is not parsed. */
export const LEAVE_OUT_LENGTH = 12_288;
const PREFIX = /^[A-Za-z0-9][-A-Za-z0-9_./]*$/;

/** The annotation `paddock.dev/leave-out` can't be used; the message names the value and the rule. */
export class LeaveOutError extends Error {
  override readonly name = 'LeaveOutError';
}

/** Whether a label or annotation key of a source stays with it, by the list above and the source's own annotation. */
export type IsLeftOut = (key: string) => boolean;

/** @throws LeaveOutError */
export function leftOutOf(annotations: Readonly<Record<string, string>> | undefined): IsLeftOut {
  const text = annotations?.[ANNOTATION_LEAVE_OUT];
  const own = text === undefined ? [] : parseLeaveOut(text);
  return key => isAlwaysLeftOut(key) || own.some(prefix => key.startsWith(prefix));
}

function isAlwaysLeftOut(key: string): boolean {
  const domain = key.slice(0, Math.max(0, key.indexOf('/')));
  return domain.endsWith(DOMAIN_SUFFIX) || PREFIXES.some(prefix => key.startsWith(prefix));
}

/** Prefixes of whole keys, separated by commas, with or without spaces around them. @throws LeaveOutError */
export function parseLeaveOut(text: string): readonly string[] {
  if (text.length > LEAVE_OUT_LENGTH)
    throw new LeaveOutError(`${shown(text)} must have at most ${LEAVE_OUT_LENGTH} bytes`);
  const prefixes = text.split(',', MOST_PREFIXES + 1).map(prefix => prefix.trim());
  if (prefixes.length > MOST_PREFIXES)
    throw new LeaveOutError(`${shown(text)} must name at most ${MOST_PREFIXES} prefixes`);
  for (const prefix of prefixes) {
    if (prefix === '')
      throw new LeaveOutError(`${shown(text)} must not hold an empty prefix, which every key begins with`);
    if (prefix.length > PREFIX_LENGTH)
      throw new LeaveOutError(`prefix ${shown(prefix)} must have at most ${PREFIX_LENGTH} characters`);
    if (!PREFIX.test(prefix))
      throw new LeaveOutError(
        `prefix ${shown(prefix)} must be the beginning of a label or annotation key, such as example.com/, without wildcards`,
      );
  }
  return [...new Set(prefixes)];
}
