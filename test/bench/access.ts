import {
  ProjectResource,
  type RoleTemplate,
  type RoleTemplateBinding,
  RoleTemplateBindingResource,
  RoleTemplateResource,
} from '#api';
import { type Client, isConditionTrue, type KubeObject, Namespaces } from '#runtime';
import { type BindingObject, ClusterRoleBindings, RoleBindings } from '../../operators/engagement/rbac-kinds.ts';
import { eventually } from '../support/eventually.ts';
import { aProject } from '../support/objects.ts';
import { credentialsOf } from '../support/operators.ts';
import { type Grants, rawHubRequests, rawRequests } from './access-raw.ts';
import { type BenchFleet, CLUSTER, createNamespaces, PROJECT, startBenchFleet } from './bench-fleet.ts';
import { ObjectWatch } from './copy-watch.ts';
import { RawClient } from './raw.ts';
import { median, quantile, round } from './round.ts';

export interface AccessOptions {
  readonly namespaces: number;
  readonly rounds: number;
  readonly log: (line: string) => void;
}

const HERE = { namespace: `c-${CLUSTER}` };
const ROLE = 'bench-reader';
const MANAGED = 'app.kubernetes.io/managed-by=paddock';
const IN_FLIGHT = [16, 32, 64] as const;
const [USERS, PROJECTS, EACH] = [100, 10, 10];
/** Namespaces of one project: as many as a round makes. */
const LIMIT = { namespaceLimit: 10_000 };
const LATENCY_ROUNDS = 100;
const WITHIN = { timeoutMs: 120_000 };

/** Who is bound where, as one write in the hub for each project and as what is to come of it. */
interface Scenario extends Grants {
  readonly name: string;
}

/**
 * Bindings that are made, beside a bare client that makes the same objects on the same clusters in turns with the
 * operator, the bindings themselves included, which both need; and for one binding the time from the write in the hub
 * until it gives, and until it no more gives.
 */
export async function access({ namespaces: count, rounds, log }: AccessOptions): Promise<object> {
  const bench = await startBenchFleet(count, log, ['cluster', 'project', 'rbac']);
  const { fleet } = bench;
  const watches = {
    bindings: new ObjectWatch(RoleBindings, MANAGED),
    accounts: new ObjectWatch(ClusterRoleBindings, MANAGED),
  };
  try {
    const edge = fleet.edge();
    const projects = await morePlaces(bench, log);
    await fleet.hub.client.create(RoleTemplateResource, {}, template());
    await watches.bindings.start(edge.client);
    await watches.accounts.start(edge.client);
    const scenarios: Scenario[] = [
      { name: 'one', users: ['anna'], projects: [PROJECT], namespaces: bench.namespaces },
      {
        name: 'many',
        users: Array.from({ length: USERS }, (_, index) => `user-${index}`),
        projects: [...projects.keys()],
        namespaces: [...projects.values()].flat(),
      },
    ];
    const results: Record<string, Figures> = {};
    for (const scenario of scenarios) results[scenario.name] = await compare(bench, watches, scenario, { rounds, log });
    log(`${LATENCY_ROUNDS} bindings made and deleted, each beside a raw write`);
    const latency = await measureLatency(bench, watches.bindings);
    const figures = Object.values(results);
    return {
      ratio: Math.max(...figures.map(({ ratio }) => ratio)),
      requestsPerObject: Math.max(...figures.map(({ requestsPerObject }) => requestsPerObject)),
      objects: sum(figures.map(({ objects }) => objects)),
      ...latency,
      ...results,
    };
  } finally {
    await Promise.all([watches.bindings.stop(), watches.accounts.stop()]);
    await bench.stop();
  }
}

interface Watches {
  readonly bindings: ObjectWatch<BindingObject>;
  readonly accounts: ObjectWatch<BindingObject>;
}

interface Figures {
  readonly seconds: number;
  readonly rawSeconds: number;
  readonly ratio: number;
  readonly objects: number;
  readonly requestsPerObject: number;
}

async function compare(
  bench: BenchFleet,
  watches: Watches,
  scenario: Scenario,
  { rounds, log }: Pick<AccessOptions, 'rounds' | 'log'>,
): Promise<Figures> {
  const raws = new Map<number, number[]>(IN_FLIGHT.map(inFlight => [inFlight, []]));
  const operators: { seconds: number; requests: number; objects: number }[] = [];
  // the first round does not count: both compile their code in it
  for (let index = 0; index <= rounds; index += 1) {
    log(`${scenario.name}, round ${index} of ${rounds}: raw client`);
    for (const inFlight of IN_FLIGHT) {
      const seconds = await measureRaw(bench, watches, scenario, inFlight);
      if (index > 0) raws.get(inFlight)?.push(seconds);
    }
    log(`${scenario.name}, round ${index} of ${rounds}: operator`);
    const measured = await measureOperator(bench, watches, scenario);
    if (index > 0) operators.push(measured);
  }
  const rawSeconds = Math.min(...[...raws.values()].map(median));
  const seconds = median(operators.map(operator => operator.seconds));
  const objects = operators[0]?.objects ?? 0;
  return {
    seconds: round(seconds),
    rawSeconds: round(rawSeconds),
    ratio: round(seconds / rawSeconds),
    objects,
    requestsPerObject: round(Math.max(...operators.map(({ requests }) => requests)) / objects, 4),
  };
}

/** Resolves when a watch has seen a RoleBinding in each namespace with all users, and what each of them acts through. */
function allGiven({ bindings, accounts }: Watches, { users, namespaces }: Grants, prefix: string): Promise<number[]> {
  const isWhole = ({ metadata, subjects }: BindingObject) =>
    (metadata?.name?.startsWith(prefix) ?? false) && subjects?.length === users.length;
  const isAccount = ({ metadata }: KubeObject) => metadata?.name?.startsWith(`${prefix}-user:`) ?? false;
  return Promise.all([
    bindings.all(namespaces.length, 'ADDED', isWhole),
    accounts.all(users.length, 'ADDED', isAccount),
  ]);
}

async function measureRaw({ fleet }: BenchFleet, watches: Watches, grants: Grants, inFlight: number): Promise<number> {
  const sides = await Promise.all(
    [
      { site: fleet.edge(), requests: rawRequests(grants, ROLE) },
      {
        site: fleet.hub,
        requests: rawHubRequests(grants, ROLE, project => binding(project, { project, users: grants.users })),
      },
    ].map(async ({ site, requests }) => {
      const client = new RawClient(await credentialsOf(site.controlPlane.adminKubeconfig).resolve(), inFlight);
      await client.warmUp();
      return { client, ...requests };
    }),
  );
  const given = allGiven(watches, grants, 'raw');
  const start = performance.now();
  await Promise.all(sides.map(({ client, creates }) => client.sendAll(creates)));
  const seconds = (Math.max(...(await given)) - start) / 1_000;
  for (const { client, deletes } of sides) {
    await client.sendAll(deletes);
    await client.close();
  }
  return seconds;
}

async function measureOperator({ fleet, operator }: BenchFleet, watches: Watches, scenario: Scenario) {
  const { users, projects } = scenario;
  const hub = fleet.hub.client;
  const rbac = operator('rbac');
  const before = await requestsOf(rbac);
  const given = allGiven(watches, scenario, 'paddock');
  const start = performance.now();
  await Promise.all(projects.map(project => bind(hub, project, { project, users })));
  const seconds = (Math.max(...(await given)) - start) / 1_000;
  await eventually(async () => (await bound(hub)) === projects.length, { ...WITHIN, what: 'all bindings are Bound' });
  const requests = (await requestsOf(rbac)) - before;
  const derived = await Promise.all([fleet.edge(), fleet.hub].map(({ client }) => countObjects(client)));
  const objects = projects.length + sum(derived);
  await Promise.all(projects.map(name => hub.delete(RoleTemplateBindingResource, { ...HERE, name })));
  const isOver = async () => (await hub.list(RoleTemplateBindingResource, HERE)).items.length === 0;
  await eventually(isOver, { ...WITHIN, what: 'all bindings are gone' });
  return { seconds, requests, objects };
}

/** From the write in the hub to what a watch on the cluster saw, in raw writes; the role is in use, the account there. */
async function measureLatency({ fleet }: BenchFleet, watch: ObjectWatch<BindingObject>) {
  const hub = fleet.hub.client;
  const [project, user] = ['latency', 'lena'];
  await hub.create(ProjectResource, HERE, aProject({ name: project, cluster: CLUSTER, spec: LIMIT }));
  await createNamespaces(fleet.edge().client, ['latency-1'], project);
  const first = watch.all(1, 'ADDED', ({ metadata }) => metadata?.namespace === 'latency-1');
  await bind(hub, 'kept', { project, users: ['ken'] });
  await bind(hub, 'account', { project: 'p-0', users: [user] });
  await first;
  await eventually(async () => (await bound(hub)) === 2, { ...WITHIN, what: 'both bindings are Bound' });
  const raw = new RawClient(await credentialsOf(fleet.hub.controlPlane.adminKubeconfig).resolve(), 1);
  await raw.warmUp();
  const [grants, revokes, writes]: [number[], number[], number[]] = [[], [], []];
  const has = (wanted: boolean) => (object: BindingObject) =>
    object.metadata?.namespace === 'latency-1' && object.subjects?.some(({ name }) => name === user) === wanted;
  for (let index = 0; index < LATENCY_ROUNDS; index += 1) {
    const body = JSON.stringify({ metadata: { labels: { round: `${index}` } } });
    const path = `/apis/paddock.dev/v1alpha1/namespaces/${HERE.namespace}/roletemplatebindings/kept`;
    const wrote = performance.now();
    await raw.send({ method: 'PATCH', path, contentType: 'application/merge-patch+json', body });
    writes.push(performance.now() - wrote);
    const given = watch.all(1, 'MODIFIED', has(true));
    const granted = performance.now();
    await bind(hub, 'latency', { project, users: [user] });
    grants.push((await given) - granted);
    await eventually(async () => (await bound(hub)) === 3, { ...WITHIN, what: 'the binding is Bound' });
    const taken = watch.all(1, 'MODIFIED', has(false));
    const revoked = performance.now();
    await hub.delete(RoleTemplateBindingResource, { ...HERE, name: 'latency' });
    revokes.push((await taken) - revoked);
    const isGone = async () => !(await hub.find(RoleTemplateBindingResource, { ...HERE, name: 'latency' }));
    await eventually(isGone, { ...WITHIN, what: 'the binding is gone' });
  }
  await raw.close();
  const one = quantile(writes, 0.5);
  const inWrites = (values: readonly number[], share: number) => round(quantile(values, share) / one);
  return {
    grantP50Writes: inWrites(grants, 0.5),
    grantP99Writes: inWrites(grants, 0.99),
    revokeP50Writes: inWrites(revokes, 0.5),
    revokeP99Writes: inWrites(revokes, 0.99),
    rawP50Ms: round(one),
  };
}

/** Projects of ten namespaces each beside the one of all the others: name to namespaces. */
async function morePlaces({ fleet }: BenchFleet, log: (line: string) => void): Promise<Map<string, string[]>> {
  log(`creating ${PROJECTS} projects of ${EACH} namespaces`);
  const places = new Map<string, string[]>();
  for (let index = 0; index < PROJECTS; index += 1) {
    const name = `p-${index}`;
    const namespaces = Array.from({ length: EACH }, (_, each) => `${name}-${each}-bench`);
    await fleet.hub.client.create(ProjectResource, HERE, aProject({ name, cluster: CLUSTER, spec: LIMIT }));
    await createNamespaces(
      fleet.edge().client,
      namespaces.map(namespace => `in-${namespace}`),
      name,
    );
    places.set(
      name,
      namespaces.map(namespace => `in-${namespace}`),
    );
  }
  await fleet.edge().client.create(Namespaces, {}, { metadata: { name: 'raw-users' } });
  return places;
}

function template(): RoleTemplate {
  return {
    apiVersion: 'paddock.dev/v1alpha1',
    kind: 'RoleTemplate',
    metadata: { name: ROLE },
    spec: { context: 'Project', rules: [{ verbs: ['get', 'list'], apiGroups: [''], resources: ['pods'] }] },
  };
}

interface Bound {
  readonly project: string;
  readonly users: readonly string[];
}

function binding(name: string, { project, users }: Bound): RoleTemplateBinding {
  const subjects = users.map(user => ({ kind: 'User' as const, name: user }));
  return {
    apiVersion: 'paddock.dev/v1alpha1',
    kind: 'RoleTemplateBinding',
    metadata: { name },
    spec: { roleTemplateName: ROLE, subjects, scope: { project: { cluster: CLUSTER, name: project } } },
  };
}

async function bind(hub: Client, name: string, bound: Bound): Promise<RoleTemplateBinding> {
  return await hub.create(RoleTemplateBindingResource, HERE, binding(name, bound));
}

async function bound(hub: Client): Promise<number> {
  const { items } = await hub.list(RoleTemplateBindingResource, HERE);
  return items.filter(({ status }) => isConditionTrue(status?.conditions, 'Ready')).length;
}

const requestsOf = (operator: { metric(name: string): Promise<number> }) =>
  operator.metric('rest_client_requests_total');

const sum = (numbers: readonly number[]) => numbers.reduce((one, other) => one + other, 0);

/** Of ours that give access, derived from RoleTemplates and for people. */
async function countObjects(client: Client): Promise<number> {
  const selection = { labelSelector: 'paddock.dev/owner' };
  const lists = await Promise.all(
    ['roles', 'clusterroles', 'rolebindings', 'clusterrolebindings', 'serviceaccounts'].map(async plural => {
      const group = plural === 'serviceaccounts' ? '' : 'rbac.authorization.k8s.io';
      const type = { group, version: 'v1', kind: plural, plural, namespaced: true };
      return (await client.list(type, selection)).items.length;
    }),
  );
  return sum(lists);
}
