import { expect } from '@jest/globals';
import {
  API_VERSION,
  clusterNamespace,
  LABEL_CLUSTER,
  LABEL_IN_USE,
  LABEL_PARAMETER,
  LABEL_PROJECT_HOME,
  PARAMETER_ROLE_TEMPLATE,
  projectNamespace,
  SYSTEM_NAMESPACE,
} from '#api';
import { eventually } from '../support/eventually.ts';
import { type Fleet, startFleet } from '../support/fleet.ts';
import { Person } from '../support/person.ts';
import type { UserAnswer, UserRequest } from '../support/token-user.ts';
import { apply, core, get, jsonPatch, PADDOCK, paddock, patch, post, put, remove } from './agent-requests.ts';

const WITHIN = { timeoutMs: 30_000 };
export const RBAC = '/apis/rbac.authorization.k8s.io/v1';
export const POLICIES = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies';
export const POLICY_BINDINGS = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings';
export const NAMESPACES = '/api/v1/namespaces';

/** As a ClusterRole says it. */
export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

export const onPaddock = (resources: readonly string[], verbs: readonly string[] = ['*']): Rule => ({
  apiGroups: ['paddock.dev'],
  resources,
  verbs,
});

/** May give these RoleTemplates; all of them if none is named. */
export const mayBind = (...resourceNames: readonly string[]): Rule => ({
  ...onPaddock(['roletemplates'], ['bind']),
  ...(resourceNames.length > 0 ? { resourceNames } : {}),
});

export const mayImpersonate = (...resources: readonly string[]): Rule => ({
  apiGroups: [''],
  resources,
  verbs: ['impersonate'],
});

/** An object as the API server returns it. */
export interface Stored {
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly [field: string]: unknown;
}

/** A hub where no operator runs: rights and policies are all there is. */
export class PolicyHub {
  readonly fleet: Fleet;
  readonly admin: Person;
  readonly #people: Person[] = [];
  #grants = 0;

  private constructor(fleet: Fleet) {
    this.fleet = fleet;
    this.admin = this.person('an-admin', ['system:masters']);
  }

  static async start(): Promise<PolicyHub> {
    return new PolicyHub(await startFleet({ downstreams: 0 }));
  }

  async stop(): Promise<void> {
    await Promise.all(this.#people.map(person => person.close()));
    await this.fleet.stop();
  }

  person(user: string, groups: readonly string[] = []): Person {
    const person = new Person(this.fleet.hub, { user, groups });
    this.#people.push(person);
    return person;
  }

  /** One of our operators, with the rights that manifests/rbac gives it. */
  operator(name: string): Person {
    const groups = ['system:serviceaccounts', 'system:serviceaccounts:paddock-system', 'system:authenticated'];
    return this.person(`system:serviceaccount:paddock-system:paddock-${name}`, groups);
  }

  /** A controller of Kubernetes by its user name; it may do everything that no policy refuses. */
  controller(user: string): Person {
    return this.person(user, ['system:masters']);
  }

  /** Gives a person rights in a namespace, or everywhere; resolves when the API server knows them. */
  async grant(person: Person, rules: readonly Rule[], namespace?: string): Promise<void> {
    const name = `grant-${++this.#grants}`;
    const [roleRef, subjects] = [
      { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
      [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: person.name }],
    ];
    await this.make(post(`${RBAC}/clusterroles`, { metadata: { name }, rules }));
    const bindings = namespace === undefined ? 'clusterrolebindings' : `namespaces/${namespace}/rolebindings`;
    await this.make(post(`${RBAC}/${bindings}`, { metadata: { name }, roleRef, subjects }));
    for (const rule of rules)
      await eventually(() => this.#may(person, rule, namespace), { ...WITHIN, what: `${person.name} has ${name}` });
  }

  async #may(person: Person, rule: Rule, namespace: string | undefined): Promise<boolean> {
    const [resource, subresource] = rule.resources[0]?.split('/') ?? [];
    const what = { group: rule.apiGroups[0], verb: rule.verbs[0], name: rule.resourceNames?.[0] };
    const spec = {
      user: person.name,
      groups: person.groups,
      resourceAttributes: { ...what, resource, subresource, namespace },
    };
    const review = { apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview', spec };
    const made = await this.make(post('/apis/authorization.k8s.io/v1/subjectaccessreviews', review));
    return (made.status as { allowed: boolean }).allowed;
  }

  /** What the admin is answered, who may do everything that no policy refuses. */
  async make(request: UserRequest): Promise<Stored> {
    const answer = await this.admin.send(request);
    isAccepted(answer);
    return JSON.parse(answer.body) as Stored;
  }

  read(path: string): Promise<Stored> {
    return this.make(get(path));
  }

  async namespace(name: string, labels: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.make(post(NAMESPACES, { metadata: { name, labels } }));
  }

  /** A Cluster and its namespace, marked as its operator does; it can be held by a finalizer. */
  async cluster(name: string, { finalizers = [] }: { finalizers?: readonly string[] } = {}): Promise<void> {
    await this.namespace(clusterNamespace(name), { [LABEL_CLUSTER]: name, [LABEL_IN_USE]: 'true' });
    await this.make(
      post(`${PADDOCK}/clusters`, anObject('Cluster', { name, finalizers }, { connection: { agent: {} } })),
    );
  }

  /** A RoleTemplate, and what the rbac operator keeps of it for the policies. */
  async template(name: string, spec: { readonly context: string; readonly locked?: boolean }): Promise<void> {
    await this.make(post(`${PADDOCK}/roletemplates`, anObject('RoleTemplate', { name }, spec)));
    await this.parameters(name, spec);
  }

  /** What the rbac operator keeps of a RoleTemplate, one of those that are built in for example. */
  async parameters(name: string, { context, locked = false }: { context: string; locked?: boolean }): Promise<void> {
    const labels = { [LABEL_PARAMETER]: PARAMETER_ROLE_TEMPLATE };
    const metadata = { name: `role-template.${name}`, labels };
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { name, context, locked: String(locked) } };
    await this.make(apply(core(SYSTEM_NAMESPACE, `configmaps/${metadata.name}`), body));
  }

  async home(cluster: string, project: string): Promise<void> {
    const labels = { [LABEL_CLUSTER]: cluster, [LABEL_PROJECT_HOME]: project, [LABEL_IN_USE]: 'true' };
    await this.namespace(projectNamespace(cluster, project), labels);
  }

  /** Waits until a policy refuses this dry run: the API server needs a moment for those that were just made. */
  async enforced(person: Person, request: UserRequest): Promise<void> {
    await eventually(async () => (await person.send(dryRun(request))).status === 422, {
      ...WITHIN,
      what: `a policy refuses ${request.method} ${request.path} of ${person.name}`,
    });
  }

  /** Sends the request until it is accepted: the API server's own watch may be behind. */
  async eventuallyAccepted(person: Person, request: UserRequest): Promise<void> {
    await eventually(async () => (await person.send(request)).status < 300, {
      ...WITHIN,
      what: `${request.method} ${request.path} of ${person.name} is accepted`,
    });
  }

  /** Without the policy the request is accepted: so it is the policy that refused it. */
  async passesWithout(policy: string, person: Person, request: UserRequest): Promise<void> {
    isRefused(await person.send(dryRun(request)), new RegExp(`'${policy}'`));
    await this.make(remove(`${POLICY_BINDINGS}/${policy}`));
    await this.eventuallyAccepted(person, dryRun(request));
  }
}

export function anObject(kind: string, metadata: object, spec: object): Record<string, unknown> & Stored {
  return { apiVersion: API_VERSION, kind, metadata: { ...metadata }, spec };
}

/** As whom the controllers act that end namespaces and collect garbage, in either mode of the controller manager. */
export const CONTROLLERS = [
  'system:kube-controller-manager',
  'system:serviceaccount:kube-system:namespace-controller',
  'system:serviceaccount:kube-system:generic-garbage-collector',
];

/** Gives a role to alice, unless told otherwise. */
export function aBinding(
  roleTemplateName: string,
  scope: object,
  { name = 'given', subjects = [ALICE] }: { name?: string; subjects?: readonly object[] } = {},
) {
  return anObject('RoleTemplateBinding', { name }, { roleTemplateName, subjects, scope });
}

export const ALICE = { kind: 'User', name: 'alice' };
export const bindingsIn = (namespace: string) => paddock(namespace, 'roletemplatebindings');

/** Has the API server deny what a policy of this spec refuses; resolves when it holds to that, which the request shows. */
export async function deny(admin: Person, { name, spec, refused, timeoutMs }: Denial): Promise<void> {
  const metadata = { name };
  await admin.send(post(POLICIES, { metadata, spec }));
  await admin.send(post(POLICY_BINDINGS, { metadata, spec: { policyName: name, validationActions: ['Deny'] } }));
  const isRefused = async () => (await admin.send(dryRun(refused))).status === 422;
  await eventually(isRefused, { timeoutMs, what: `${refused.method} ${refused.path} is refused` });
}

export interface Denial {
  readonly name: string;
  /** Of the ValidatingAdmissionPolicy. */
  readonly spec: object;
  /** A request that is to be refused. */
  readonly refused: UserRequest;
  readonly timeoutMs: number;
}

/** The same request, of which nothing stays; admission is asked as ever. */
export function dryRun(request: UserRequest): UserRequest {
  return { ...request, path: `${request.path}${request.path.includes('?') ? '&' : '?'}dryRun=All` };
}

export function isAccepted({ status, body }: UserAnswer): void {
  expect(status < 300 ? 'accepted' : body).toBe('accepted');
}

/** Refused by a policy, not by rights, a schema or a conflict, with a message that says this. */
export function isRefused({ status, body }: UserAnswer, message: RegExp): void {
  expect({ status, body }).toMatchObject({ status: 422, body: expect.stringContaining('ValidatingAdmissionPolicy') });
  const { message: first, details } = JSON.parse(body) as {
    message: string;
    details?: { causes?: readonly { message?: string }[] };
  };
  expect([first, ...(details?.causes ?? []).map(cause => cause.message)].join('\n')).toMatch(message);
}

export interface Change {
  /** Of the object or a subresource. */
  readonly path: string;
  /** As it is now. */
  readonly current: Stored;
  /** The field, from the top. */
  readonly at: readonly string[];
  readonly value: unknown;
}

type Way = readonly [what: string, request: (change: Change) => UserRequest];

/** The one way that every path has. */
export const PUT: Way = ['PUT', ({ path, current, at, value }) => put(path, replaced(current, at, value))];
/** The ways to change a field of an object that is there. */
export const WAYS: readonly Way[] = [
  PUT,
  ['merge patch', ({ path, at, value }) => patch(path, nested(at, value))],
  ['JSON patch', ({ path, at, value }) => jsonPatch(path, [{ op: 'add', path: pointer(at), value }])],
  [
    'server-side apply',
    ({ path, current: { apiVersion, kind, metadata }, at, value }) =>
      apply(path, withName({ apiVersion, kind, ...nested(at, value) }, metadata.name)),
  ],
];

function nested(at: readonly string[], value: unknown): Record<string, unknown> {
  return at.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as Record<string, unknown>;
}

function withName(intent: Record<string, unknown>, name: unknown): object {
  return { ...intent, metadata: { ...(intent.metadata as object | undefined), name } };
}

function replaced(object: object, [key = '', ...rest]: readonly string[], value: unknown): object {
  const inner: unknown = Reflect.get(object, key);
  return {
    ...object,
    [key]: rest.length === 0 ? value : replaced(typeof inner === 'object' && inner ? inner : {}, rest, value),
  };
}

function pointer(at: readonly string[]): string {
  return at.map(key => `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
