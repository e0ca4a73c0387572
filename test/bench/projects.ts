import { LABEL_CLUSTER, LABEL_PROJECT_HOME, LABEL_SHARED, type Project, ProjectResource, type ProjectSpec } from '#api';
import { isConditionTrue, type KubeObject, Namespaces, type ResourceType } from '#runtime';
import { LimitRanges, NetworkPolicies, ResourceQuotas } from '../../operators/engagement/policy-kinds.ts';
import { limitRangeSpec, networkPolicySpec } from '../../operators/project/policies.ts';
import { eventually } from '../support/eventually.ts';
import { type SecretObject, SecretType } from '../support/fleet.ts';
import { aProject } from '../support/objects.ts';
import { credentialsOf } from '../support/operators.ts';
import { type BenchFleet, CLUSTER, createNamespaces, startBenchFleet } from './bench-fleet.ts';
import { content } from './content.ts';
import { ObjectWatch } from './copy-watch.ts';
import { RawClient, type RawRequest } from './raw.ts';
import { median, round } from './round.ts';
import { serverWrites } from './server-writes.ts';

export interface ProjectsOptions {
  readonly projects: number;
  readonly rounds: number;
  readonly log: (line: string) => void;
}

const HERE = { namespace: `c-${CLUSTER}` };
const EACH = 2;
const SHARED = ['one', 'two', 'three'];
const IN_FLIGHT = [16, 32, 64] as const;
const MANAGED = 'app.kubernetes.io/managed-by=paddock';
const WITHIN = { timeoutMs: 300_000 };
const REST_MS = 60_000;
/** What is put into each namespace. */
const KINDS: readonly ResourceType<KubeObject>[] = [ResourceQuotas, LimitRanges, NetworkPolicies, SecretType];

const SPEC: ProjectSpec = {
  resourceQuota: {
    hard: { pods: '20', 'requests.cpu': '8' },
    namespaceDefault: { pods: '10', 'requests.cpu': '4' },
  },
  containerDefaults: { requests: { cpu: '100m', memory: '64Mi' }, limits: { cpu: '1', memory: '128Mi' } },
  networkIsolation: { enabled: true },
};

/**
 * Many projects with quota, limits, isolation and shared Secrets that are made at once, beside a bare client that makes
 * the same objects on the same clusters, the Projects included (tried, not kept: somebody writes them in any case). The
 * namespaces, and in the hub those of the projects with what they share, are there before.
 */
export async function projects({ projects: count, rounds, log }: ProjectsOptions): Promise<object> {
  const bench = await startBenchFleet(1, log);
  const { fleet } = bench;
  const edge = fleet.edge();
  const watches = KINDS.map(type => new ObjectWatch(type, MANAGED));
  try {
    for (const watch of watches) await watch.start(edge.client);
    const raws = new Map<number, number[]>(IN_FLIGHT.map(inFlight => [inFlight, []]));
    const operators: { seconds: number; requests: number }[] = [];
    let rest: object = {};
    // the first round does not count: both compile their code in it
    for (let index = 0; index <= rounds; index += 1) {
      const names = Array.from({ length: count }, (_, each) => `many-${index}-${each}`);
      await given(bench, names, log);
      log(`round ${index} of ${rounds}: raw client`);
      for (const inFlight of IN_FLIGHT) {
        const seconds = await measureRaw(bench, watches, names, inFlight);
        if (index > 0) raws.get(inFlight)?.push(seconds);
      }
      log(`round ${index} of ${rounds}: operator`);
      const measured = await measureOperator(bench, watches, names);
      if (index > 0) operators.push(measured);
      if (index === rounds) {
        log(`at rest for ${REST_MS / 1000} s`);
        rest = await measureRest(bench);
      }
      await clear(bench, names);
    }
    const rawSeconds = Math.min(...[...raws.values()].map(median));
    const seconds = median(operators.map(operator => operator.seconds));
    const objects = count * (1 + EACH * (SHARED.length + KINDS.length - 1));
    return {
      projects: count,
      namespaces: count * EACH,
      objects,
      seconds: round(seconds),
      rawSeconds: round(rawSeconds),
      ratio: round(seconds / rawSeconds),
      requestsPerObject: round(Math.max(...operators.map(({ requests }) => requests)) / objects, 4),
      ...rest,
    };
  } finally {
    await Promise.all(watches.map(watch => watch.stop()));
    await bench.stop();
  }
}

/** The hub namespaces of the projects with what they share, and the clusters' namespaces that will be their members. */
async function given({ fleet }: BenchFleet, names: readonly string[], log: (line: string) => void): Promise<void> {
  log(`creating ${names.length} hub namespaces with ${SHARED.length} Secrets, and ${names.length * EACH} namespaces`);
  const hub = fleet.hub.client;
  for (const name of names) {
    const labels = { [LABEL_CLUSTER]: CLUSTER, [LABEL_PROJECT_HOME]: name };
    await hub.create(Namespaces, {}, { metadata: { name: homeOf(name), labels } });
    const share = (secret: string) =>
      hub.create(
        SecretType,
        { namespace: homeOf(name) },
        { metadata: { name: secret, labels: { [LABEL_SHARED]: 'true' } }, data: content('first') },
      );
    await Promise.all([...SHARED.map(share), createNamespaces(fleet.edge().client, membersOf(name), name)]);
  }
}

/** Resolves when each watch has seen all objects of its kind. */
async function allThere(watches: readonly ObjectWatch<KubeObject>[], count: number, prefix: string): Promise<number> {
  const isOne = ({ metadata }: KubeObject) => metadata?.annotations?.[prefix] !== undefined;
  const times = watches.map((watch, index) =>
    watch.all(count * EACH * (KINDS[index] === SecretType ? SHARED.length : 1), 'ADDED', isOne),
  );
  return Math.max(...(await Promise.all(times)));
}

async function measureRaw(
  { fleet }: BenchFleet,
  watches: readonly ObjectWatch<KubeObject>[],
  names: readonly string[],
  inFlight: number,
): Promise<number> {
  const clients = await Promise.all(
    [fleet.edge(), fleet.hub].map(async site => {
      const client = new RawClient(await credentialsOf(site.controlPlane.adminKubeconfig).resolve(), inFlight);
      await client.warmUp();
      return client;
    }),
  );
  const [edge, hub] = clients;
  const bodies = names.flatMap(name => membersOf(name).flatMap(namespace => objectsFor(name, namespace)));
  const tried = names.map(name => ({
    ...POST,
    path: `/apis/paddock.dev/v1alpha1/namespaces/${HERE.namespace}/projects?dryRun=All&fieldManager=raw`,
    body: JSON.stringify(aProject({ name: `raw-${name}`, cluster: CLUSTER, spec: SPEC })),
  }));
  const creates = bodies.map(
    ({ at, body }): RawRequest => ({ ...POST, path: `${at}?fieldManager=raw`, body: JSON.stringify(body) }),
  );
  const there = allThere(watches, names.length, 'bench.exa/owner-uid');
  const start = performance.now();
  await Promise.all([hub?.sendAll(tried), edge?.sendAll(creates)]);
  const seconds = ((await there) - start) / 1_000;
  const deletes = bodies.map(
    ({ at, body }): RawRequest => ({ ...POST, method: 'DELETE', path: `${at}/${body.metadata.name}` }),
  );
  await edge?.sendAll(deletes);
  await Promise.all(clients.map(client => client.close()));
  return seconds;
}

async function measureOperator(
  { fleet, project }: BenchFleet,
  watches: readonly ObjectWatch<KubeObject>[],
  names: readonly string[],
): Promise<{ seconds: number; requests: number }> {
  const before = await project.metric('rest_client_requests_total');
  const there = allThere(watches, names.length, 'paddock.dev/owner-uid');
  const start = performance.now();
  await Promise.all(
    names.map(name => fleet.hub.client.create(ProjectResource, HERE, aProject({ name, cluster: CLUSTER, spec: SPEC }))),
  );
  const seconds = ((await there) - start) / 1_000;
  const isReady = ({ status, spec }: Project) => !spec.resourceQuota || isConditionTrue(status?.conditions, 'Ready');
  await eventually(async () => (await fleet.hub.client.list(ProjectResource, HERE)).items.every(isReady), {
    ...WITHIN,
    what: 'all projects are Ready',
  });
  return { seconds, requests: (await project.metric('rest_client_requests_total')) - before };
}

async function measureRest({ fleet, project }: BenchFleet): Promise<object> {
  const sites = [fleet.hub.controlPlane, fleet.edge().controlPlane];
  await new Promise(resolve => setTimeout(resolve, 3_000)); // the last status
  const before = await serverWrites(sites);
  await new Promise(resolve => setTimeout(resolve, REST_MS));
  const writes = (await serverWrites(sites)) - before;
  const { rss, peak } = project.memory();
  return { idleWritesPerMinute: writes, rssMiB: round(rss, 1), rssPeakMiB: round(peak, 1) };
}

/** Deletes the projects; their hub namespaces go with them. */
async function clear({ fleet }: BenchFleet, names: readonly string[]): Promise<void> {
  const hub = fleet.hub.client;
  await Promise.all(names.map(name => hub.delete(ProjectResource, { ...HERE, name })));
  const isClear = async () => (await hub.list(ProjectResource, HERE)).items.length === 1;
  await eventually(isClear, { ...WITHIN, what: 'the projects are gone' });
}

interface Made {
  readonly at: string;
  readonly body: KubeObject & { readonly metadata: { readonly name: string } };
}

/** What the operator makes in one namespace, under other names and with marks of the same length that are not its own. */
function objectsFor(project: string, namespace: string): Made[] {
  const core = `/api/v1/namespaces/${namespace}`;
  const networking = `/apis/networking.k8s.io/v1/namespaces/${namespace}`;
  const labels = {
    'app.kubernetes.io/managed-by': 'paddock',
    'bench.exa/owner': `project.${project}`,
    'bench.exa/cluster': CLUSTER,
  };
  const uid = '00000000-0000-0000-0000-000000000000';
  const metadata = (name: string) => ({
    name,
    labels,
    annotations: { 'bench.exa/owner-uid': uid, 'bench.exa/hub': uid },
  });
  const hard = SPEC.resourceQuota?.namespaceDefault;
  const ruled = [
    { at: `${core}/resourcequotas`, spec: { hard } },
    { at: `${core}/limitranges`, spec: limitRangeSpec(SPEC) },
    { at: `${networking}/networkpolicies`, spec: networkPolicySpec(project, SPEC) },
  ].map(({ at, spec }) => ({ at, body: { metadata: metadata('raw'), spec } }));
  const secrets = SHARED.map(name => {
    const body: SecretObject & Made['body'] = {
      metadata: metadata(`raw-${name}`),
      type: 'Opaque',
      data: content('first'),
    };
    return { at: `${core}/secrets`, body };
  });
  return [...ruled, ...secrets];
}

const POST = { method: 'POST', contentType: 'application/json' } as const;
const homeOf = (project: string) => `p-${CLUSTER}--${project}`;
const membersOf = (project: string) => Array.from({ length: EACH }, (_, index) => `${project}-${index}`);
