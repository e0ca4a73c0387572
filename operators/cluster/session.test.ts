import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type Clock, keyOf, resourcePath, silentLogger, systemClock } from '#runtime';
import { eventually } from '../../test/support/eventually.ts';
import type { Connection } from './connection.ts';
import { desiredPolicies, provablePolicies } from './policies/desired.ts';
import { probeObjects } from './policies/probe-account.ts';
import { Session, type SessionOptions } from './session.ts';

type Answer = (response: ServerResponse, request: IncomingMessage) => void;

const CLAIM_PATH = '/api/v1/namespaces/paddock-system/configmaps/claim';
const CLAIMS_PATH = '/api/v1/namespaces/paddock-system/configmaps';
const ours = { hub: 'hub-uid', cluster: 'cluster-uid' };
const THEIRS = {
  metadata: { name: 'claim', namespace: 'paddock-system', resourceVersion: '8' },
  data: { hub: 'other', cluster: 'x', name: 'theirs' },
};

/** A watch event as it is sent. */
const line = (type: string, object: object) => `${JSON.stringify({ type, object })}\n`;
/** The whole of a streaming list that finds nothing. */
const NOTHING_LISTED = line('BOOKMARK', {
  metadata: { resourceVersion: '7', annotations: { 'k8s.io/initial-events-end': 'true' } },
});

let server: Server;
let answers: Record<string, Answer>;
let requests: string[];
let sessions: Session[];

const json =
  (body: object, status = 200): Answer =>
  response => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };

const listNothing: Answer = response => {
  response.writeHead(200, { 'content-type': 'application/json' }).write(NOTHING_LISTED);
};

/** Policies that are in place already: what is told of them is told by their own tests. */
const whose = { owner: { kind: 'cluster', name: 'edge-1', uid: ours.cluster }, cluster: 'edge-1', hub: ours.hub };
const policies = Object.fromEntries(
  desiredPolicies(whose).map(({ type, metadata, spec }) => [
    `/apis/${type.group}/v1/${type.plural}/${metadata.name}`,
    json({ metadata: { ...metadata, uid: metadata.name, generation: 1 }, spec }),
  ]),
);

/** The account that the policies are probed as is there, too, and each refuses its probe. */
const provable = provablePolicies();
const account = Object.fromEntries(
  probeObjects(
    provable.map(({ probe }) => probe),
    whose,
  ).map(({ type, object }) => {
    const { namespace, name } = keyOf(object);
    return [resourcePath(type, namespace, name), json(object)];
  }),
);

const probed: Answer = (response, request) => {
  let text = '';
  request.on('data', chunk => {
    text += chunk;
  });
  request.on('end', () => {
    const isOf = ({ probe }: (typeof provable)[number]) =>
      request.url === `${probe.path}?dryRun=All` && text === JSON.stringify(probe.body);
    const { name = '' } = provable.find(isOf) ?? {};
    const message = `ValidatingAdmissionPolicy '${name}' with binding '${name}' denied request: no`;
    json({ kind: 'Status', reason: 'Invalid', code: 422, message }, 422)(response, request);
  });
};

const kubeSystem = json({ kind: 'Namespace', metadata: { name: 'kube-system', uid: 'edge-uid' } });
const forbidden = json({ kind: 'Status', reason: 'Forbidden', message: 'configmaps "claim" is forbidden' }, 403);

beforeEach(async () => {
  requests = [];
  sessions = [];
  answers = {
    ...policies,
    ...account,
    '/readyz': response => response.end('ok'),
    '/version': json({ gitVersion: 'v1.34.4+k3s1' }),
    '/api/v1/namespaces/kube-system': kubeSystem,
    '/api/v1/namespaces/paddock-system': json({ metadata: { name: 'paddock-system' } }),
    [CLAIM_PATH]: json({ kind: 'ConfigMap', metadata: { name: 'claim' }, data: ours }),
  };
  server = createServer((request, response) => {
    const path = request.url?.split('?')[0] ?? '';
    if (request.url?.endsWith('?dryRun=All')) return probed(response, request);
    requests.push(`${request.method} ${path}`);
    const answer = answers[path];
    if (answer) answer(response, request);
    else json({ kind: 'Status', reason: 'NotFound', message: 'not here' }, 404)(response, request);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
});

afterEach(async () => {
  await Promise.all(sessions.map(session => session.stop()));
  server.closeAllConnections();
  await new Promise(resolve => server.close(resolve));
});

/** A connection to the server with this token. */
function connectionTo(listening: Server, token = 'new'): Connection {
  const address = listening.address();
  if (typeof address !== 'object' || address === null) throw new Error('the server has no address');
  const url = `http://127.0.0.1:${address.port}`;
  const headers = { authorization: `Bearer ${token}` };
  const credentials = { resolve: async () => ({ server: url, tls: {}, headers }) };
  return { credentials, server: url, intervalMs: 50, timeoutMs: 2_000, hash: 'one' };
}

function openSession(overrides: Partial<SessionOptions> = {}): Session {
  const session = new Session({
    connection: { ...connectionTo(server, 'old'), hash: 'one' },
    claim: { owner: ours, clusterName: 'edge-1', systemNamespace: { metadata: { name: 'paddock-system' } } },
    engagement: { problem: undefined, settled: async () => undefined },
    before: { answered: false, connected: false },
    cluster: { name: 'edge-1', log: silentLogger, fieldManager: 'paddock-cluster' },
    clock: systemClock,
    onChange: () => undefined,
    ...overrides,
  });
  sessions.push(session);
  return session;
}

async function until(what: string, probe: () => boolean): Promise<void> {
  await eventually(probe, { timeoutMs: 10_000, what });
}

const writes = (): string[] => requests.filter(request => !request.startsWith('GET '));

function openSockets(): Promise<number> {
  return new Promise((resolve, reject) =>
    server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
  );
}

describe('a session', () => {
  test('learns version, distribution and claim before it reports', async () => {
    const reports: unknown[] = [];
    // also where the machine is busy: a probe that fails is reported, and so is a cluster that is long in telling more
    const connection = { ...connectionTo(server, 'old'), intervalMs: 2_500, timeoutMs: 5_000 };
    const clock: Clock = { ...systemClock, sleep: (ms, signal) => systemClock.sleep(10 * ms, signal) };
    const session = openSession({ connection, clock, onChange: () => reports.push(session.observation.claim) });

    await until('a report', () => reports.length > 0);

    expect(reports[0]).toBe('ours');
    expect(session.observation).toMatchObject({
      connected: { status: 'True', reason: 'Connected' },
      identity: { version: 'v1.34.4+k3s1', distribution: 'k3s' },
    });
    expect(writes()).toEqual([]);
  });

  test('asks for the version once as long as the server answers', async () => {
    const session = openSession();
    await until('ten heartbeats', () => requests.filter(request => request === 'GET /readyz').length >= 10);

    expect(requests.filter(request => request === 'GET /version')).toHaveLength(1);
    expect(session.observation.claim).toBe('ours');
  });

  test('writes nothing to a version that is too old, and notices its upgrade', async () => {
    answers['/version'] = json({ gitVersion: 'v1.29.9' });
    const session = openSession();
    await until('a verdict', () => session.observation.claim !== undefined);
    expect(session.observation.claim).toMatchObject({ reason: 'VersionUnsupported', terminal: true });
    expect(requests).not.toContain(`GET ${CLAIM_PATH}`);
    expect(writes()).toEqual([]);

    answers['/version'] = json({ gitVersion: 'v1.30.0+k3s1' });

    await until('the upgrade', () => session.observation.claim === 'ours');
  });

  test('writes nothing to a cluster that is somebody else’s', async () => {
    answers[CLAIM_PATH] = json(THEIRS);
    const session = openSession();

    await until('a verdict', () => session.observation.claim !== undefined);

    expect(session.observation.claim).toMatchObject({ reason: 'AlreadyClaimed', terminal: true });
    expect(writes()).toEqual([]);
  });

  test('asks the cluster nothing about the claim while another holds the engagement, and goes on when it is its turn', async () => {
    const problem = { reason: 'Engaging', message: 'its agent holds the Lease', terminal: false } as const;
    const engagement: { problem: typeof problem | undefined; settled: () => Promise<void> } = {
      problem,
      settled: async () => undefined,
    };
    const session = openSession({ engagement });
    await until('a verdict', () => session.observation.claim !== undefined);
    await until('more heartbeats', () => requests.filter(request => request === 'GET /readyz').length >= 5);
    expect(session.observation).toMatchObject({ claim: problem, connected: { status: 'True' } });
    expect(requests).not.toContain(`GET ${CLAIM_PATH}`);
    expect(writes()).toEqual([]);

    engagement.problem = undefined;
    session.engagementChanged();

    await until('the claim', () => session.observation.claim === 'ours');

    engagement.problem = problem; // and lost again
    session.engagementChanged();

    await until('the loss', () => session.observation.claim !== 'ours');
  });

  test('looks at no node of a cluster that is somebody else’s, and counts those of one that becomes ours', async () => {
    const claim = answers[CLAIM_PATH];
    answers[CLAIM_PATH] = json(THEIRS);
    answers['/api/v1/nodes'] = listNothing;
    answers['/api/v1/pods'] = listNothing;
    const session = openSession();
    await until('a verdict', () => session.observation.claim !== undefined);
    await until('more heartbeats', () => requests.filter(request => request === 'GET /readyz').length >= 5);
    expect(requests).not.toContain('GET /api/v1/nodes');
    expect(requests).not.toContain('GET /api/v1/pods');

    if (claim) answers[CLAIM_PATH] = claim;
    answers[CLAIMS_PATH] = listNothing;

    await until('the nodes', () => session.observation.inventory?.summary?.nodes.total === 0);
  });

  test('tells no more of nodes when the cluster is taken by somebody else', async () => {
    let claims: ServerResponse | undefined;
    answers['/api/v1/nodes'] = listNothing;
    answers['/api/v1/pods'] = listNothing;
    answers[CLAIMS_PATH] = (response, request) => {
      listNothing(response, request);
      claims = response;
    };
    const session = openSession();
    await until('the nodes', () => session.observation.inventory?.summary !== undefined && claims !== undefined);

    answers[CLAIM_PATH] = json(THEIRS);
    claims?.write(line('ADDED', THEIRS));

    await until('the loss', () => typeof session.observation.claim === 'object');
    expect(session.observation).not.toHaveProperty('inventory');
  });

  test('believes what the watch tells, rather than what it asked for before', async () => {
    let claims: ServerResponse | undefined;
    let answered = 0;
    answers[CLAIMS_PATH] = (response, request) => {
      listNothing(response, request);
      claims = response;
    };
    const stillOurs = answers[CLAIM_PATH] ?? listNothing;
    answers[CLAIM_PATH] = (response, request) => {
      const answer = () => {
        stillOurs(response, request);
        answered += 1;
      };
      if (!claims) return answer();
      claims.write(line('ADDED', THEIRS));
      setTimeout(answer, 200);
    };

    const session = openSession();

    await until('another look at the claim', () => answered >= 2);
    await until('the loss', () => typeof session.observation.claim === 'object');
    await new Promise(resolve => setTimeout(resolve, 200));
    expect(session.observation.claim).toMatchObject({ reason: 'AlreadyClaimed' });
  });

  test('takes a claim whose deletion nobody told it of', async () => {
    const claim = answers[CLAIM_PATH];
    answers[CLAIM_PATH] = json(THEIRS);
    answers[CLAIMS_PATH] = (response, request) => {
      if (claim) answers[CLAIM_PATH] = claim; // by the time of the list it is theirs no more
      listNothing(response, request);
    };

    const session = openSession();

    await until('the claim', () => session.observation.claim === 'ours');
  });

  test('tries again what it lacked a right for', async () => {
    const claim = answers[CLAIM_PATH];
    answers[CLAIM_PATH] = forbidden;
    const session = openSession();
    await until('a verdict', () => session.observation.claim !== undefined);
    expect(session.observation.claim).toMatchObject({ reason: 'ClaimFailed', terminal: false });
    expect(session.observation.connected).toMatchObject({ status: 'True' });

    if (claim) answers[CLAIM_PATH] = claim;

    await until('the claim', () => session.observation.claim === 'ours');
  });

  test('asks again only when the last probe has ended', async () => {
    const waiting: ServerResponse[] = [];
    answers['/readyz'] = response => waiting.push(response);
    openSession();
    await until('the first probe', () => waiting.length === 1);
    const others = requests.length;

    waiting.shift()?.end('ok');

    await until('the second probe', () => waiting.length === 1 && requests.length > others);
    expect(waiting).toHaveLength(1);
  });

  test('ends with its sockets and reports no more', async () => {
    let reports = 0;
    const session = openSession({ onChange: () => (reports += 1) });
    await until('a report', () => reports > 0);

    await session.stop();

    reports = 0;
    await eventually(async () => (await openSockets()) === 0, { timeoutMs: 10_000, what: 'no socket is open' });
    expect(reports).toBe(0);
  });
});

describe('a session that is given another connection', () => {
  const wanted = (changes: Partial<Connection> = {}): Connection => ({
    ...connectionTo(server),
    hash: 'two',
    ...changes,
  });

  test('keeps the one that works while the other is refused, says so, and moves when it is accepted', async () => {
    const session = openSession();
    await until('the claim', () => session.observation.claim === 'ours');
    answers['/api/v1/namespaces/kube-system'] = (response, request) => {
      const known = request.headers.authorization === 'Bearer old';
      if (known) kubeSystem(response, request);
      else json({ kind: 'Status', message: 'Unauthorized' }, 401)(response, request);
    };

    expect(session.adopt(wanted(), 'cluster-uid')).toBe(true);

    await until('the problem', () => session.observation.connected?.reason === 'NewKubeconfigFails');
    expect(session.observation.connected).toMatchObject({
      status: 'True',
      message: expect.stringContaining('does not know the credential (401)'),
    });
    const heartbeats = requests.filter(request => request === 'GET /readyz').length;
    await until('heartbeats', () => requests.filter(request => request === 'GET /readyz').length > heartbeats + 3);
    answers['/api/v1/namespaces/kube-system'] = kubeSystem;
    await until('the move', () => session.observation.connected?.reason === 'Connected');
    expect(session.adopt(wanted(), 'cluster-uid')).toBe(true);
    expect(session.observation.connected?.status).toBe('True');
  });

  test('asks what the server is once more when it has moved', async () => {
    const session = openSession();
    await until('the claim', () => session.observation.claim === 'ours');
    answers['/version'] = json({ gitVersion: 'v1.35.0' });

    session.adopt(wanted({ server: 'https://elsewhere' }), 'cluster-uid');

    await until('the version', () => session.observation.identity?.version === 'v1.35.0');
    expect(session.observation.connected?.message).toContain('https://elsewhere');
  });

  test('forgets a credential that nobody wants any more', async () => {
    const session = openSession();
    await until('the claim', () => session.observation.claim === 'ours');
    answers['/api/v1/namespaces/kube-system'] = json({ metadata: { uid: 'another-cluster' } });
    session.adopt(wanted(), 'cluster-uid');
    await until('the problem', () => session.observation.connected?.reason === 'NewKubeconfigFails');
    expect(session.observation.connected?.message).toContain('delete the Secret first');

    expect(session.adopt(connectionTo(server), 'cluster-uid')).toBe(true);

    expect(session.observation.connected?.reason).toBe('Connected');
  });

  test('takes other times up without opening anything', async () => {
    const session = openSession({ connection: { ...connectionTo(server), intervalMs: 600_000, timeoutMs: 1_200_000 } });
    await until('the claim', () => session.observation.claim === 'ours');
    const probes = requests.filter(request => request === 'GET /readyz').length;

    expect(session.adopt(connectionTo(server), 'cluster-uid')).toBe(true);

    await until('a probe', () => requests.filter(request => request === 'GET /readyz').length > probes + 2);
    expect(requests.filter(request => request === 'GET /version')).toHaveLength(1);
    expect(session.observation.connected?.status).toBe('True');
  });

  test('goes on while the Secret holds a kubeconfig that is refused, and says so; not once it is lost', async () => {
    const refusal = { reason: 'KubeconfigRefused', message: 'Secret c-edge-1/edge-1: user.exec is not accepted' };
    const session = openSession();
    expect(session.refuse(refusal, 'cluster-uid')).toBe(false); // nothing is known of it yet
    await until('the claim', () => session.observation.claim === 'ours');

    expect(session.refuse(refusal, 'another-uid')).toBe(false);
    expect(session.refuse(refusal, 'cluster-uid')).toBe(true);

    expect(session.observation).toMatchObject({
      claim: 'ours',
      connected: { status: 'True', reason: 'KubeconfigRefused', message: expect.stringContaining(refusal.message) },
    });
    expect(session.adopt(connectionTo(server), 'cluster-uid')).toBe(true);
    expect(session.observation.connected?.reason).toBe('Connected');
    answers['/readyz'] = json({}, 401);
    await until('the loss', () => session.observation.connected?.status === 'False');
    expect(session.refuse(refusal, 'cluster-uid')).toBe(false);
  });

  test('can not go on for another Cluster, another kind of connection, or by one that does not work', async () => {
    const session = openSession();
    expect(session.adopt(wanted(), 'cluster-uid')).toBe(false); // nothing is known of it yet
    await until('the claim', () => session.observation.claim === 'ours');
    const { server: _server, ...local } = wanted();

    expect(session.adopt(connectionTo(server), 'another-uid')).toBe(false);
    expect(session.adopt(local, 'cluster-uid')).toBe(false);
    answers['/readyz'] = json({}, 401);
    await until('the loss', () => session.observation.connected?.status === 'False');
    expect(session.adopt(wanted(), 'cluster-uid')).toBe(false);
    expect(session.adopt(connectionTo(server), 'cluster-uid')).toBe(true);
  });
});
