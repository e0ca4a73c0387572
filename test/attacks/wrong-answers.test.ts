import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  type Cluster,
  ClusterResource,
  clusterNamespace,
  LABEL_SHARED,
  type Project,
  ProjectResource,
  projectNamespace,
} from '#api';
import { findCondition, isConditionTrue, type KubeObject, type ResourceType } from '#runtime';
import { issue, type KeyPair, newAuthority } from '../../runtime/certificates.ts';
import { Downstreams, kubeconfigOf } from '../support/downstreams.ts';
import { eventually } from '../support/eventually.ts';
import { type Fleet, importKubeconfig, SecretType, startFleet } from '../support/fleet.ts';
import { aProject, base64 } from '../support/objects.ts';
import { type OperatorProcess, OperatorProcesses } from '../support/operator-process.ts';
import * as wrong from '../support/wrong-answers.ts';
import { type WrongAnswer, WrongServer } from '../support/wrong-server.ts';

const WELL = Array.from({ length: 9 }, (_, index) => `well-${index}`);
const TEAM = 'team-0';
const SPEC = { heartbeat: { interval: '2s', timeout: '6s' } };
const WITHIN_MS = 60_000;
const MIB = 1024 * 1024;

const READYZ = /^GET \/readyz/;
const NODES = /^GET \/api\/v1\/nodes\?.*watch=true/;
const VERSION = /^GET \/version/;
const KUBE_SYSTEM = /^GET \/api\/v1\/namespaces\/kube-system$/;
const CLAIM = /configmaps/;

const hostile = '\x1b]0;owned\x07\x1b[31m\n\u202e\u2028level=error';
const node = (name: string, fields: object = {}) => ({
  type: 'ADDED',
  object: { kind: 'Node', metadata: { name, uid: name, resourceVersion: '900000', labels: {} }, ...fields },
});
const checks = Array.from({ length: 100_000 }, (_, index) => `[-]check-${index}${hostile} failed`).join('\n');

interface Case {
  readonly what: string;
  readonly paths: RegExp;
  readonly answer: WrongAnswer;
  /** Wrong before anything was asked [once it is connected]. */
  readonly fromTheStart?: true;
  /** The condition that names it, `Type=Status Reason: message`. */
  readonly named: RegExp;
}

/** Where credentials must not follow. */
let elsewhere: WrongServer;
const atElsewhere: WrongAnswer = (socket, request) => wrong.redirect(`${elsewhere.url}/readyz`)(socket, request);

const unhealthy = (problem: string) => new RegExp(`^Connected=False APIUnhealthy: GET /readyz.*${problem}`);
/** Who answers is asked by the watches that resume, and by the cluster operator after it had to doubt the server. */
const unidentified = (why: string) => new RegExp(`^(Ready=False ClaimFailed|NodesReady=Unknown ReadFailed): .*${why}`);
const unread = (problem: string) => new RegExp(`^NodesReady=Unknown ReadFailed: nodes can’t be read: .*${problem}`);
const unclaimed = (problem: string) => new RegExp(`^Ready=False ClaimFailed: .*${problem}`);

const CASES: readonly Case[] = [
  { what: '/readyz without an end', paths: READYZ, answer: wrong.endless(), named: unhealthy('longer than 1 MiB') },
  { what: '/readyz in crumbs', paths: READYZ, answer: wrong.endlessCrumbs(), named: unhealthy('longer than 1 MiB') },
  { what: '/readyz that drips', paths: READYZ, answer: wrong.drip(200), named: /^Connected=Unknown .*timed out/ },
  { what: '/readyz with 1xx', paths: READYZ, answer: wrong.informationalFlood, named: unhealthy('1xx answers') },
  { what: '/readyz with headers', paths: READYZ, answer: wrong.headerFlood, named: unhealthy('Headers Overflow') },
  { what: '/readyz with trailers', paths: READYZ, answer: wrong.trailerFlood, named: unhealthy('Headers Overflow') },
  { what: '/readyz upgraded', paths: READYZ, answer: wrong.upgrade, named: unhealthy('another protocol') },
  { what: '/readyz that is no HTTP', paths: READYZ, answer: wrong.noHttp, named: unhealthy('no HTTP/1.1') },
  { what: '/readyz of 900 TB', paths: READYZ, answer: wrong.announcesTooMuch, named: unhealthy('longer than 1 MiB') },
  { what: '/readyz elsewhere', paths: READYZ, answer: atElsewhere, named: unhealthy('answers 307') },
  {
    what: '/readyz in a billion seconds',
    paths: READYZ,
    answer: wrong.refusal(429, { message: hostile }, ['retry-after: 1000000000']),
    named: unhealthy('answers 429'),
  },
  {
    what: '/readyz with 100,000 checks',
    paths: READYZ,
    answer: wrong.whole('500 Ill', checks),
    named: /^Connected=False APIUnhealthy: GET \/readyz answers 500; failing checks: check-0, .* more; look/,
  },
  {
    what: '/readyz that refuses',
    paths: READYZ,
    answer: wrong.refusal(401, { message: hostile }),
    named: /^Connected=False Unauthorized: /,
  },
  {
    what: 'a watch frame without an end',
    paths: NODES,
    answer: wrong.endless('{"type":"ADDED","object":{"a":"'),
    named: unread('frame exceeds 8 MiB'),
  },
  { what: 'a watch of nonsense', paths: NODES, answer: wrong.events(`{"type":${hostile}`), named: unread('no JSON') },
  { what: 'a watch of no type', paths: NODES, answer: wrong.events({ type: hostile }), named: unread('no known type') },
  {
    what: 'a watch of other things',
    paths: NODES,
    answer: wrong.events({ type: 'ADDED', object: { kind: 'Secret', metadata: { name: 'a' } } }),
    named: unread('its kind is Secret'),
  },
  {
    what: 'nodes without metadata',
    paths: NODES,
    answer: wrong.events({ type: 'ADDED', object: {} }),
    named: unread('it has no metadata'),
  },
  {
    what: 'versions that are no numbers',
    paths: NODES,
    answer: wrong.events({ type: 'ADDED', object: { metadata: { name: 'a', resourceVersion: hostile } } }),
    named: unread('resourceVersion is no number'),
  },
  { what: 'nodes as HTML', paths: NODES, answer: wrong.whole('200 OK', '<html>\n'), named: unread('no JSON') },
  {
    what: 'nodes gzipped',
    paths: NODES,
    answer: wrong.gzipped({ kind: 'NodeList' }),
    named: unread('ended the watch at once'),
  },
  {
    what: 'a refusal of 10 MB',
    paths: NODES,
    answer: wrong.refusal(403, { reason: 'Forbidden', message: `nodes is forbidden${hostile}${'x'.repeat(10 * MIB)}` }),
    named: /^NodesReady=Unknown Forbidden: HTTP 403 .*: grant/,
  },
  {
    what: 'a failure of 100 kB with 500',
    paths: NODES,
    answer: wrong.refusal(500, { reason: 'InternalError', message: `etcd${hostile}${'x'.repeat(100_000)}` }),
    named: unread('etcd level=error'),
  },
  {
    what: 'kube-system without a uid',
    paths: KUBE_SYSTEM,
    answer: wrong.object({ kind: 'Namespace', metadata: { name: 'kube-system' } }),
    named: unidentified('has no uid'),
  },
  {
    what: 'kube-system without a body',
    paths: KUBE_SYSTEM,
    answer: wrong.whole('204 No Content', '', []),
    named: unidentified('it is empty'),
  },
  {
    what: '/version without an end',
    paths: VERSION,
    answer: wrong.endless('{"gitVersion":"'),
    fromTheStart: true,
    named: unclaimed('GET .*/version: the answer is longer than 1 MiB'),
  },
  {
    what: '/version without a body',
    paths: VERSION,
    answer: wrong.whole('204 No Content', '', []),
    fromTheStart: true,
    named: unclaimed('gives no gitVersion'),
  },
  {
    what: 'a claim that is a Secret',
    paths: CLAIM,
    answer: wrong.object({ kind: 'Secret', metadata: { name: 'claim' }, data: {} }),
    fromTheStart: true,
    named: unclaimed('its kind is Secret'),
  },
  {
    what: 'a claim of another namespace',
    paths: CLAIM,
    answer: wrong.object({ kind: 'ConfigMap', metadata: { name: 'claim', namespace: 'default' } }),
    fromTheStart: true,
    named: unclaimed('its namespace is default'),
  },
  {
    what: 'success that is a failure',
    paths: CLAIM,
    answer: wrong.object({ kind: 'Status', status: 'Failure', message: hostile }),
    fromTheStart: true,
    named: unclaimed('answers 200 with a failure: level=error'),
  },
  {
    what: 'the claim of another, in hostile letters',
    paths: CLAIM,
    answer: wrong.object({
      kind: 'ConfigMap',
      metadata: { name: 'claim', namespace: 'paddock-system', resourceVersion: '1' },
      data: { hub: hostile, cluster: 'x'.repeat(MIB), name: hostile },
    }),
    fromTheStart: true,
    named: /^Stalled=True AlreadyClaimed: the cluster belongs to Cluster level=error /,
  },
];
const VERSIONED: Case = {
  what: 'a version of 900 kB in hostile letters',
  paths: VERSION,
  answer: wrong.object({ gitVersion: `v1.34.0${hostile}${'x'.repeat(900_000)}` }),
  fromTheStart: true,
  named: /^Connected=True Connected: /,
};
const UNCOUNTED: Case = {
  what: 'nodes that no API server has',
  paths: NODES,
  answer: wrong.events(
    node('a', { status: { capacity: { cpu: '9'.repeat(200_000), memory: '1Gi' } } }),
    node(`b${hostile}`),
    node('c', { status: { conditions: 7, allocatable: { memory: 'many' } } }),
  ),
  named:
    /^NodesReady=False NodesUnhealthy: .*left out, .*: of nodes a \(capacity.cpu\), b level=error \(name\), c \(allo/,
};
const ALL = [...CASES, VERSIONED, UNCOUNTED];
const nameOf = (each: Case) => `wrong-${ALL.indexOf(each)}`;

let fleet: Fleet;
let downstreams: Downstreams;
let processes: OperatorProcesses;
let operators: OperatorProcess[] = [];
let before: number[] = [];
const servers = new Map<Case, WrongServer>();

const get = (name: string) => fleet.hub.client.get(ClusterResource, { name });
const described = ({ status }: Cluster) =>
  (status?.conditions ?? []).map(({ type, status: is, reason, message }) => `${type}=${is} ${reason}: ${message}`);

async function projectsAre(holds: (project: Project) => unknown, what: string): Promise<void> {
  await eventually(
    async () => {
      const { items } = await fleet.hub.client.list(ProjectResource);
      return items.length === WELL.length && items.every(holds);
    },
    { timeoutMs: WITHIN_MS, what: `the projects ${what}` },
  );
}

async function renewals(): Promise<string[]> {
  const Leases: ResourceType<KubeObject & { spec?: { renewTime?: string } }> = {
    group: 'coordination.k8s.io',
    version: 'v1',
    kind: 'Lease',
    plural: 'leases',
    namespaced: true,
  };
  const { items } = await fleet.hub.client.list(Leases);
  return items
    .filter(({ metadata }) => WELL.some(name => metadata?.namespace === clusterNamespace(name)))
    .map(({ spec }) => spec?.renewTime ?? '');
}

beforeAll(async () => {
  const authority: KeyPair = newAuthority('wrong');
  const certificate = issue(authority, 'wrong', {
    commonName: 'kube-apiserver',
    usage: 'server',
    names: ['127.0.0.1'],
  });
  [fleet, downstreams, processes, elsewhere] = await Promise.all([
    startFleet({ downstreams: 0 }),
    Downstreams.start({ names: [...WELL, ...ALL.map(nameOf)], pods: 5, projects: 1 }),
    OperatorProcesses.prepare(),
    WrongServer.start(),
  ]);
  elsewhere.wrongly(/./, wrong.object({}));
  operators = (['cluster', 'project'] as const).map(operator =>
    processes.start({ operators: [operator], kubeconfig: fleet.operatorKubeconfig(operator), measure: true }),
  );
  const { client } = fleet.hub;
  const byName = new Map(downstreams.all.map(each => [each.name, each]));
  for (const name of WELL) {
    const downstream = byName.get(name);
    if (downstream) await importKubeconfig(client, name, kubeconfigOf(downstream), SPEC);
  }
  for (const each of ALL) {
    const target = byName.get(nameOf(each));
    if (!target) throw new Error(`${nameOf(each)} has no downstream`);
    const server = await WrongServer.start({ certificate, target: { url: target.server, ca: target.ca } });
    servers.set(each, server);
    if (each.fromTheStart) server.wrongly(each.paths, each.answer);
    const kubeconfig = kubeconfigOf({ name: target.name, server: server.url, ca: authority.certPem });
    await importKubeconfig(client, nameOf(each), kubeconfig, SPEC);
  }
  const sound = ALL.filter(({ fromTheStart }) => !fromTheStart).map(nameOf);
  await Promise.all(
    [...WELL, ...sound].map(name =>
      eventually(async () => (await get(name)).status?.requested !== undefined, {
        timeoutMs: WITHIN_MS,
        what: `${name} is connected and counted`,
      }),
    ),
  );
  for (const cluster of WELL) {
    await client.create(ProjectResource, { namespace: clusterNamespace(cluster) }, aProject({ name: TEAM, cluster }));
  }
  await projectsAre(({ status }) => isConditionTrue(status?.conditions, 'Ready'), 'are ready');
  for (const cluster of WELL) {
    const metadata = { name: 'token', labels: { [LABEL_SHARED]: 'true' } };
    const namespace = projectNamespace(cluster, TEAM);
    await client.create(SecretType, { namespace }, { metadata, data: { value: base64('1') } });
  }
  await projectsAre(({ status }) => status?.shared?.copies === 1, 'have their copies');
  before = operators.map(operator => operator.measured().length);
}, 180_000);

afterAll(async () => {
  await processes?.stop();
  await Promise.all([...servers.values(), elsewhere].map(server => server?.stop()));
  await fleet?.stop();
  await downstreams?.stop();
});

describe('API servers that answer wrongly, each in its way and all at once', () => {
  let versions: Map<string, string | undefined>;
  let renewed: string[];

  const wellVersions = async () => {
    const { items } = await fleet.hub.client.list(ClusterResource);
    const well = items.filter(({ metadata }) => WELL.includes(metadata.name ?? ''));
    return new Map(well.map(({ metadata }) => [metadata.name ?? '', metadata.resourceVersion]));
  };

  beforeAll(async () => {
    // these API servers know no admission: what comes of the probes of policies is written once
    for (const name of WELL)
      await eventually(
        async () => findCondition((await get(name)).status?.conditions, 'Ready')?.reason === 'PoliciesNotInstalled',
        { timeoutMs: 90_000, what: `${name} is probed` },
      );
    versions = await wellVersions();
    renewed = await renewals();
    for (const [{ fromTheStart, paths, answer }, server] of servers) if (!fromTheStart) server.wrongly(paths, answer);
  }, 120_000);

  test('keep no other cluster from its copies', async () => {
    for (let round = 2; round < 6; round += 1) {
      const startedAt = performance.now();
      for (const cluster of WELL) {
        const key = { namespace: projectNamespace(cluster, TEAM), name: 'token' };
        await fleet.hub.client.mergePatch(SecretType, key, { data: { value: base64(String(round)) } });
      }
      const delivered = () =>
        operators[1]?.writes().filter(write => write === `PATCH /api/v1/namespaces/${TEAM}-app/secrets/token 200`);
      await eventually(() => (delivered()?.length ?? 0) >= WELL.length * (round - 1), {
        timeoutMs: 15_000,
        what: 'every other cluster has the new content',
      });
      expect(performance.now() - startedAt).toBeLessThan(10_000);
    }
  });

  test.each(ALL.map(each => [each.what, each] as const))('%s: its condition names it', async (_what, each) => {
    const cluster = await eventually(
      async () => {
        const found = await get(nameOf(each));
        return described(found).some(condition => each.named.test(condition)) ? found : undefined;
      },
      { timeoutMs: 40_000, what: `${nameOf(each)} is named by ${each.named}` },
    ).catch(async error => {
      throw new Error(`${error.message}\n${described(await get(nameOf(each))).join('\n')}`);
    });
    const texts = JSON.stringify(cluster.status, (_key, value) =>
      typeof value === 'string' ? value.replaceAll('’', "'").replaceAll('…', '.') : value,
    );
    expect(texts).toMatch(/^[ -~]*$/);
    expect(texts).not.toMatch(/(?<!\\)\\[un]/);
    expect(texts.length).toBeLessThan(16_000);
  });

  test('leave the others as they were: connected, and not written once; their Leases are renewed', async () => {
    for (const name of WELL)
      expect(findCondition((await get(name)).status?.conditions, 'Connected')?.status).toBe('True');
    expect(await wellVersions()).toEqual(versions);
    await eventually(async () => (await renewals()).every((at, index) => at > (renewed[index] ?? '')), {
      timeoutMs: WITHIN_MS,
      what: 'every Lease of theirs is renewed',
    });
  });

  test('cost little memory and hold up nothing', () => {
    for (const [index, operator] of operators.entries()) {
      expect(operator.running).toBe(true);
      const measured = operator.measured();
      const [calm, wronged] = [measured.slice(0, before[index]), measured.slice(before[index])];
      const grown =
        Math.max(...wronged.map(each => each.residentMiB)) - Math.max(...calm.map(each => each.residentMiB));
      const late = wronged.map(({ lateMs }) => lateMs).sort((a, b) => a - b);
      const typical = late[Math.floor(late.length / 2)];
      console.log(
        `operator ${index}: +${grown.toFixed()} MiB, p99 ${typical?.toFixed()} ms, worst ${late.at(-1)?.toFixed()} ms`,
      );
      // 33 at once, some of which are read up to a bound with every try: they took 130 MiB
      expect(grown).toBeLessThan(192);
      expect(typical).toBeLessThan(50);
    }
  });

  test('get nothing written, and no credential that follows a redirection', async () => {
    expect(elsewhere.wronged).toEqual([]);
    for (const each of CASES) if (each.fromTheStart) expect(servers.get(each)?.writes).toEqual([]);
  });

  test('get printable and short lines into the logs', () => {
    for (const operator of operators) {
      const lines = operator.log().split('\n');
      // as JSON, a control character begins with one backslash, and the text of one with two
      expect(lines.filter(line => /\p{C}|[\u2028\u202e]|(?<!\\)\\(?:u|n(?!\s+at ))/u.test(line))).toEqual([]);
      expect(Math.max(...lines.map(line => line.length))).toBeLessThan(8_192);
    }
  });

  test('a version and nodes that no API server has are stored in part', async () => {
    const { version = '' } = (await get(nameOf(VERSIONED))).status ?? {};
    expect(version).toMatch(/^v1\.34\.0 level=errorx+…$/);
    expect(version).toHaveLength(128);
    const { capacity, nodes } = (await get(nameOf(UNCOUNTED))).status ?? {};
    expect(capacity?.memory).toBeDefined();
    expect(nodes?.unhealthy?.map(({ name }) => name)).toEqual(['a', 'c']);
  });
});
