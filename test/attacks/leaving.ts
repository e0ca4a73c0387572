import { ANNOTATION_PAUSED, LABEL_PROJECT } from '#api';
import { PADDOCK, paddock, patch, post, put, remove } from '../integration/agent-requests.ts';
import { anObject, NAMESPACES } from '../integration/policy-hub.ts';
import type { UserRequest } from '../support/token-user.ts';
import { C } from './peopled-hub.ts';

/** Who tries, in the order of the answers below. The administrator is that of the site that is asked. */
export const PEOPLE = [
  'project owner',
  'project member',
  'owner of both projects',
  'cluster member',
  'cluster owner',
  'administrator',
  'plain `update namespaces`',
] as const;
export type Who = (typeof PEOPLE)[number];

/** `forbidden` by RBAC, for want of a right; `refused` by an admission policy. */
export type Outcome = 'forbidden' | 'refused' | 'allowed';
const [F, R, A] = ['forbidden', 'refused', 'allowed'] as const;

/** What a request is about. */
export interface Target {
  readonly namespace: string;
  /** Which the namespace is in. */
  readonly project: string;
  /** Of a Project that is not there. */
  readonly absent: string;
}

export interface Way {
  readonly way: string;
  /** What is asked, and where: of several requests the one that decides. */
  readonly at: 'hub' | 'cluster';
  readonly request: (target: Target) => UserRequest;
  /** What each of the people is answered. */
  readonly answers: readonly Outcome[];
  /** The policies that refuse; of several the API server names one. */
  readonly guards: readonly string[];
  /** Of what was planted, and of what was the project's, once it is carried out. */
  readonly stands: string;
}

const LEVELS = 'its levels; no rights, no limits';
const NOTHING = 'nothing; the namespace is going for as long as a finalizer holds a Pod in it';
const WITH_CLUSTER_OWNER: Pick<Way, 'at' | 'answers' | 'guards'> = {
  at: 'hub',
  answers: [F, F, F, F, A, A, F],
  guards: [],
};

const labelled = (to: string | null) => ({ metadata: { labels: { [LABEL_PROJECT]: to } } });
const namespace = (target: Target) => `${NAMESPACES}/${target.namespace}`;
const project = (target: Target) => paddock(C, `projects/${target.project}`);
const makes = (name: string, spec: object) => post(paddock(C, 'projects'), anObject('Project', { name }, spec));

/** Every way in which a namespace leaves a project or comes into another; the last two are of the whole cluster. */
export const LEAVING = {
  removed: {
    way: 'its label is removed',
    at: 'cluster',
    request: target => patch(namespace(target), labelled(null)),
    answers: [R, F, R, F, A, A, R],
    guards: ['paddock-membership'],
    stands: LEVELS,
  },
  emptied: {
    way: 'its label is emptied',
    at: 'cluster',
    request: target => patch(namespace(target), labelled('')),
    answers: [R, F, R, F, A, A, R],
    guards: ['paddock-membership'],
    stands: LEVELS,
  },
  away: {
    way: 'its label is removed while the operator is away',
    at: 'cluster',
    request: target => patch(namespace(target), labelled(null)),
    answers: [R, F, R, F, A, A, R],
    guards: ['paddock-membership'],
    stands: LEVELS,
  },
  unmanaged: {
    way: 'its `managedFields` are reset; then its label is removed',
    at: 'cluster',
    request: target => patch(namespace(target), { metadata: { managedFields: [{}] } }),
    answers: [A, F, A, F, A, A, A],
    guards: [],
    stands: `${LEVELS}; where nobody knows whose they are, the project’s other labels`,
  },
  restored: {
    way: 'it is replaced by what it was before it joined',
    at: 'cluster',
    request: target =>
      put(namespace(target), {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name: target.namespace },
        spec: { finalizers: ['kubernetes'] },
      }),
    answers: [R, F, R, F, A, A, R],
    guards: ['paddock-membership', 'paddock-namespace-limits'],
    stands: 'no levels, since the same request takes them off by one who may: what was planted runs',
  },
  moved: {
    way: 'it moves to a weaker project',
    at: 'cluster',
    request: target => patch(namespace(target), labelled('weak')),
    answers: [R, F, A, F, A, A, R],
    guards: ['paddock-membership'],
    stands: 'its levels; rights and limits of the other project, the latter at any moment',
  },
  ahead: {
    way: 'it moves to a project that is not there',
    at: 'cluster',
    request: target => patch(namespace(target), labelled(target.absent)),
    answers: [R, F, R, F, A, A, R],
    guards: ['paddock-membership'],
    stands: 'its levels, its limits and the project’s other labels, until there is one; no rights',
  },
  kube: {
    way: 'one named `kube-*` is made in the project, which is deleted with `Delete`',
    at: 'cluster',
    request: target =>
      post(NAMESPACES, {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name: `kube-${target.project}`, labels: { [LABEL_PROJECT]: target.project } },
      }),
    answers: [R, R, R, F, A, A, F],
    guards: ['paddock-namespace-creation'],
    stands: LEVELS,
  },
  ended: {
    way: 'it is deleted',
    at: 'cluster',
    request: target => remove(namespace(target)),
    answers: [A, F, A, F, A, A, F],
    guards: [],
    stands: NOTHING,
  },
  retained: {
    ...WITH_CLUSTER_OWNER,
    way: 'the Project is deleted, with `Retain`',
    request: target => remove(project(target)),
    stands: LEVELS,
  },
  orphaned: {
    ...WITH_CLUSTER_OWNER,
    way: 'the Project is deleted, with propagation `Orphan`',
    request: target => remove(`${project(target)}?propagationPolicy=Orphan`),
    stands: LEVELS,
  },
  dropped: {
    ...WITH_CLUSTER_OWNER,
    way: 'the Project is set to `Delete`, and deleted',
    request: target => patch(project(target), { spec: { deletionPolicy: 'Delete' } }),
    stands: NOTHING,
  },
  paused: {
    ...WITH_CLUSTER_OWNER,
    way: 'the Project is paused; then its label is removed',
    request: target => patch(project(target), { metadata: { annotations: { [ANNOTATION_PAUSED]: 'true' } } }),
    stands: LEVELS,
  },
  lost: {
    way: 'the Project loses its finalizer and is gone, as after a restore of the hub; then its label is removed',
    at: 'hub',
    request: target => patch(project(target), { metadata: { finalizers: null } }),
    answers: [F, F, F, F, R, A, F],
    guards: ['paddock-finalizers'],
    stands: LEVELS,
  },
  made: {
    way: 'a weaker Project is made of the name that its label says',
    at: 'hub',
    request: target => makes(target.absent, { podSecurity: { enforce: 'privileged' } }),
    answers: [F, F, F, A, A, A, F],
    guards: [],
    stands: 'its levels; rights and limits of that project',
  },
  again: {
    way: 'the Project is lost, made again with `Delete`, and deleted',
    at: 'hub',
    request: target => makes(target.absent, { deletionPolicy: 'Delete' }),
    answers: [F, F, F, R, A, A, F],
    guards: ['paddock-cascading-deletion'],
    stands: LEVELS,
  },
  released: {
    way: 'the Cluster is set to `Orphan`, and deleted',
    at: 'hub',
    request: () => patch(`${PADDOCK}/clusters/edge-1`, { spec: { deletionPolicy: 'Orphan' } }),
    answers: [F, F, F, F, F, A, F],
    guards: [],
    stands: 'everything, and nobody looks after it',
  },
  cleaned: {
    way: 'the Cluster is deleted, with `Clean`',
    at: 'hub',
    request: () => remove(`${PADDOCK}/clusters/edge-1`),
    answers: [F, F, F, F, F, A, F],
    guards: [],
    stands: 'its levels, and its label, which nobody reads; no rights, no limits',
  },
} as const satisfies Readonly<Record<string, Way>>;
export type Id = keyof typeof LEAVING;

/** As docs/security.md has it. */
export function renderedLeaving(): string[] {
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const head = ['a namespace leaves', ...PEOPLE, 'refused by', 'what stands'];
  const lines = Object.values<Way>(LEAVING).map(({ way, answers, guards, stands }) =>
    row([way, ...answers, guards.map(name => `\`${name}\``).join(', '), stands]),
  );
  return [row(head), `|${head.map(() => '---|').join('')}`, ...lines];
}
