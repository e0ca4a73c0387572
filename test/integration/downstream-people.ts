import { fileURLToPath } from 'node:url';
import { LABEL_PROJECT } from '#api';
import type { Person } from '../support/person.ts';
import { patch, post, remove } from './agent-requests.ts';
import { dryRun, NAMESPACES, POLICY_BINDINGS, PolicyHub, type Rule, type Stored } from './policy-hub.ts';

export const ENFORCE = 'pod-security.kubernetes.io/enforce';
export const QUOTA = 'paddock.dev/quota';
export const OWN_SECURITY = 'paddock.dev/own-pod-security';
export const PROJECT_UID = 'paddock.dev/project-uid';

const MANIFESTS = fileURLToPath(new URL('../../manifests/downstream', import.meta.url));

/** Everything on namespaces by RBAC, on every path, so that only the policies refuse. */
const WRITES: Rule = {
  apiGroups: [''],
  resources: ['namespaces', 'namespaces/status', 'namespaces/finalize'],
  verbs: ['*'],
};
const READS: Rule = { apiGroups: [''], resources: ['namespaces'], verbs: ['get', 'list', 'watch'] };

const on = (verbs: readonly string[], ...resourceNames: readonly string[]): Rule => ({
  apiGroups: ['paddock.dev'],
  resources: ['projects'],
  verbs,
  ...(resourceNames.length > 0 ? { resourceNames } : {}),
});

/** An API server with the policies of downstreams, namespaces of projects blue and red, and people; no operator runs. */
export interface DownstreamPeople {
  readonly cluster: PolicyHub;
  /** Writes namespaces, and has nothing of Paddock's. */
  readonly nell: Person;
  /** A member of project blue, and one of blue and red. */
  readonly member: Person;
  readonly memberOfBoth: Person;
  /** An owner of project blue, and one of blue and red. */
  readonly owner: Person;
  readonly both: Person;
  /** An owner of project blue who sets its pod security, too. */
  readonly securer: Person;
  /** Of all projects. */
  readonly clusterOwner: Person;
  /** Of all projects but for pod security. */
  readonly manager: Person;
  /** Reads namespaces, as cluster-member may. */
  readonly clusterMember: Person;
  readonly nobody: Person;
}

export async function startDownstreamPeople(): Promise<DownstreamPeople> {
  const cluster = await PolicyHub.start();
  // a downstream has none of the hub's
  const { items } = (await cluster.read(POLICY_BINDINGS)) as unknown as { readonly items: readonly Stored[] };
  for (const { metadata } of items) await cluster.make(remove(`${POLICY_BINDINGS}/${metadata.name}`));
  const { code, stderr } = await cluster.fleet.hub.controlPlane.kubectl(['apply', '--server-side', '-f', MANIFESTS]);
  if (code !== 0) throw new Error(stderr);
  const someone = async (name: string, ...rules: readonly Rule[]) => {
    const person = cluster.person(name);
    if (rules.length > 0) await cluster.grant(person, rules);
    return person;
  };
  const people = {
    nell: await someone('nell', WRITES),
    member: await someone('mia', WRITES, on(['create-in-project'], 'blue', 'any')),
    memberOfBoth: await someone('mo', WRITES, on(['create-in-project'], 'blue', 'red', 'any')),
    owner: await someone('otto', WRITES, on(['create-in-project'], 'blue', 'any'), on(['manage-namespaces'], 'blue')),
    both: await someone(
      'bea',
      WRITES,
      on(['create-in-project'], 'blue', 'red', 'any'),
      on(['manage-namespaces'], 'blue', 'red'),
    ),
    securer: await someone(
      'sue',
      WRITES,
      on(['create-in-project'], 'blue', 'any'),
      on(['manage-namespaces', 'update-pod-security'], 'blue'),
    ),
    clusterOwner: await someone('cleo', WRITES, on(['manage-namespaces', 'create-in-project', 'update-pod-security'])),
    manager: await someone('max', WRITES, on(['manage-namespaces', 'create-in-project'])),
    clusterMember: await someone('carl', READS),
    nobody: await someone('nobody'),
  };
  await cluster.eventuallyAccepted(people.nell, dryRun(post(NAMESPACES, { metadata: { name: 'paddock-probe' } })));
  for (const [name, project] of [
    ['blue-1', 'blue'],
    ['red-1', 'red'],
    ['free', undefined],
    ['emptied', ''],
  ] as const)
    await cluster.namespace(name, project === undefined ? {} : { [LABEL_PROJECT]: project });
  await cluster.enforced(
    people.nell,
    post(NAMESPACES, { metadata: { name: 'probe', labels: { [LABEL_PROJECT]: 'blue' } } }),
  );
  await cluster.enforced(people.nell, relabel('blue-1', 'red'));
  await cluster.enforced(
    people.nell,
    patch(`${NAMESPACES}/blue-1`, { metadata: { labels: { [ENFORCE]: 'privileged' } } }),
  );
  return { cluster, ...people };
}

export const relabel = (namespace: string, project: string | null, path = '') =>
  patch(`${NAMESPACES}/${namespace}${path}`, { metadata: { labels: { [LABEL_PROJECT]: project } } });
