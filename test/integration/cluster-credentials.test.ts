import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Client, isUnauthorized, Namespaces } from '#runtime';
import { installManifests } from '../../hack/dev/hub-objects.ts';
import { type AuditEvent, AuditedSite, describeRequest, isList } from '../chaos/audit.ts';
import { Stage } from '../chaos/stage.ts';
import { ChaosProxy } from '../support/chaos-proxy.ts';
import { find } from '../support/cluster-objects.ts';
import { eventually } from '../support/eventually.ts';
import { adminClient, Fleet, SecretType, startSite } from '../support/fleet.ts';
import { aSecret, base64 } from '../support/objects.ts';
import { AdminServiceAccount } from '../support/service-account.ts';
import { ClusterFixture, editedKubeconfig } from './cluster-fixture.ts';

const CLUSTER = 'edge-1';
/** How long a kubeconfig that works may take to be taken up. */
const MOVED_MS = 30_000;

let audited: AuditedSite;
let fleet: Fleet;
let clusters: ClusterFixture;
let stage: Stage;
let first: AdminServiceAccount;
let second: AdminServiceAccount;
let proxies: ChaosProxy[];

beforeAll(async () => {
  const [hub, edge] = await Promise.all([startSite('hub'), AuditedSite.start(CLUSTER)]);
  audited = edge;
  fleet = new Fleet(hub, [edge.site]);
  await installManifests(hub.controlPlane);
  clusters = new ClusterFixture(hub);
  const { hostname, port } = new URL(edge.site.controlPlane.url);
  const target = { targetHost: hostname, targetPort: Number(port) };
  proxies = [await ChaosProxy.start(target), await ChaosProxy.start(target)];
  first = await AdminServiceAccount.create(edge.site, 'first');
  second = await AdminServiceAccount.create(edge.site, 'second');
  fleet.start(['cluster']);
  fleet.start(['project']);
  await clusters.createPushed(CLUSTER);
  await clusters.putKubeconfig(CLUSTER, first.kubeconfig());
  await clusters.becomes(CLUSTER, 'Ready', { status: 'True' });
  stage = new Stage(fleet, 'keys');
  await stage.createHome('a');
  await stage.createProject('a', {});
  await stage.createNamespace(1, 'a');
  await stage.share('a', 'Secret', 'token', { value: '0' });
  await copiesArrive('1');
}, 180_000);

afterAll(async () => {
  await fleet?.stop();
  await Promise.all((proxies ?? []).map(proxy => proxy.stop()));
  audited?.forget();
});

/** The shared object is given another value, which is waited for downstream. */
async function copiesArrive(value: string): Promise<void> {
  await stage.change('a', 'Secret', 'token', { value });
  await eventually(
    async () => (await find(stage.downstream, aSecret('token'), stage.namespace(1)))?.data?.value === base64(value),
    { timeoutMs: 15_000, what: `the copy holds ${value}` },
  );
}

/** A new namespace gets its copy: the watches downstream go on. */
async function namespacesAreSeen(number: number): Promise<void> {
  await stage.createNamespace(number, 'a');
  await eventually(() => find(stage.downstream, aSecret('token'), stage.namespace(number)), {
    timeoutMs: 15_000,
    what: `namespace ${number} has its copy`,
  });
}

const isOperator = ({ username }: AuditEvent['user']) => [first.username, second.username].includes(username);

/** Lists of collections since then; the question for the newest version, which asks for one object, is none. */
function lists(since: Date): string[] {
  const whole = (event: AuditEvent) => isList(event) && !/[?&]limit=1(&|$)/.test(event.requestURI);
  return audited.requests(since, isOperator).filter(whole).map(describeRequest);
}

/** Waits until namespaces, which the project operator watches, are watched by `user` again. */
async function watchedBy({ username }: AdminServiceAccount, since: Date): Promise<void> {
  const isNamespaceWatch = ({ verb, objectRef }: AuditEvent) =>
    verb === 'watch' && objectRef?.resource === 'namespaces';
  await eventually(() => audited.requests(since, user => user.username === username).some(isNamespaceWatch), {
    timeoutMs: MOVED_MS,
    what: `the project operator watches as ${username}`,
  });
}

const addressOf = (index: number): string => `https://127.0.0.1:${proxies[index]?.port}`;

test('a token is replaced and the one before revoked: everything goes on, and nothing is listed', async () => {
  const before = await clusters.condition(CLUSTER, 'Connected');
  const since = new Date();

  await clusters.putKubeconfig(CLUSTER, second.kubeconfig());
  await watchedBy(second, since);
  await first.revoke();
  await refused(adminClient(first.kubeconfig()));
  const revoked = new Date();

  await copiesArrive('2');
  await namespacesAreSeen(2);
  expect(lists(since)).toEqual([]);
  expect(
    audited.requests(revoked, ({ username }) => username === first.username).filter(({ verb }) => verb !== 'watch'),
  ).toEqual([]);
  expect(await clusters.condition(CLUSTER, 'Connected')).toEqual(before);
}, 120_000);

test('another address: moved within 30 s, the caches are kept', async () => {
  const since = new Date();

  await clusters.putKubeconfig(CLUSTER, second.kubeconfig({ server: addressOf(0) }));

  await watchedBy(second, since);
  await eventually(async () => (await clusters.get(CLUSTER)).status?.apiServer?.url === addressOf(0), {
    timeoutMs: MOVED_MS,
    what: 'the status names the new address',
  });
  await copiesArrive('3');
  await namespacesAreSeen(3);
  expect(lists(since)).toEqual([]);
  expect((await clusters.condition(CLUSTER, 'Connected'))?.message).toContain(addressOf(0));
}, 120_000);

test('another CA bundle: moved within 30 s, the caches are kept', async () => {
  const before = (await clusters.get(CLUSTER)).status?.apiServer?.caSHA256;
  const caPem = `${fleet.hub.controlPlane.caPem}\n${audited.site.controlPlane.caPem}`;
  const since = new Date();

  await clusters.putKubeconfig(CLUSTER, second.kubeconfig({ server: addressOf(0), caPem }));

  await watchedBy(second, since);
  await eventually(async () => (await clusters.get(CLUSTER)).status?.apiServer?.caSHA256 !== before, {
    timeoutMs: MOVED_MS,
    what: 'the status tells the new CA',
  });
  await copiesArrive('4');
  await namespacesAreSeen(4);
  expect(lists(since)).toEqual([]);
}, 120_000);

test('a new kubeconfig that does not work: the one before goes on, the status says why, and a right one is taken', async () => {
  const since = new Date();
  const works = second.kubeconfig({ server: addressOf(1) });
  const fails = async (kubeconfig: string, why: string) => {
    await clusters.putKubeconfig(CLUSTER, kubeconfig);
    await eventually(async () => (await clusters.condition(CLUSTER, 'Connected'))?.message.includes(why), {
      timeoutMs: MOVED_MS,
      what: `Connected says "${why}"`,
    });
    const connected = await clusters.condition(CLUSTER, 'Connected');
    expect(connected).toMatchObject({ status: 'True', reason: 'NewKubeconfigFails' });
    expect(connected?.message).not.toContain('wrong-token');
    expect(await clusters.condition(CLUSTER, 'Ready')).toMatchObject({ status: 'True' });
  };

  await fails(editedKubeconfig(works, { user: { token: 'wrong-token' } }), '401');
  await clusters.hasEvent(CLUSTER, 'NewKubeconfigFails');
  await copiesArrive('5');
  await fails(second.kubeconfig({ caPem: fleet.hub.controlPlane.caPem }), 'CA');
  await fails(second.kubeconfig({ server: 'https://127.0.0.1:1' }), 'connection refused');
  await fails(fleet.hub.controlPlane.adminKubeconfig, 'another cluster');
  await copiesArrive('6');
  await namespacesAreSeen(6);
  expect(lists(since)).toEqual([]);
  expect(await fleet.hub.client.find(Namespaces, { name: stage.namespace(1) })).toBeUndefined();

  await clusters.putKubeconfig(CLUSTER, works);

  await clusters.becomes(CLUSTER, 'Connected', { status: 'True', reason: 'Connected' }, MOVED_MS);
  await eventually(() => proxies[0]?.connections === 0, { timeoutMs: MOVED_MS, what: 'the address before is left' });
  await copiesArrive('7');
  await namespacesAreSeen(7);
  expect(lists(since)).toEqual([]);
}, 180_000);

test('a kubeconfig that is refused, or is none, ends nothing that works', async () => {
  const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: 'true' };
  await clusters.putKubeconfig(CLUSTER, editedKubeconfig(second.kubeconfig(), { user: { exec } }));
  const { message } = await clusters.becomes(CLUSTER, 'Connected', { status: 'True', reason: 'KubeconfigRefused' });
  expect(message).toContain('user.exec is not accepted');
  await copiesArrive('7a');

  await clusters.putKubeconfig(CLUSTER, 'no: kubeconfig');
  await clusters.becomes(CLUSTER, 'Connected', { status: 'True', reason: 'KubeconfigInvalid' });
  await clusters.becomes(CLUSTER, 'Ready', { status: 'True' });
  await copiesArrive('7b');

  await clusters.putKubeconfig(CLUSTER, second.kubeconfig());
  await clusters.becomes(CLUSTER, 'Connected', { status: 'True', reason: 'Connected' }, MOVED_MS);
}, 120_000);

test('the Secret is deleted: not connected, and nothing is left open', async () => {
  await fleet.hub.client.delete(SecretType, { namespace: `c-${CLUSTER}`, name: CLUSTER });

  await clusters.becomes(CLUSTER, 'Connected', { status: 'False', reason: 'KubeconfigMissing' });
  await eventually(() => proxies[1]?.connections === 0, { timeoutMs: 15_000, what: 'no connection is open' });

  await clusters.putKubeconfig(CLUSTER, second.kubeconfig());
  await clusters.becomes(CLUSTER, 'Ready', { status: 'True' });
  await copiesArrive('8');
}, 120_000);

/** Waits until the server refuses the client's token. */
async function refused(client: Client): Promise<void> {
  await eventually(() => client.get(Namespaces, { name: 'default' }).then(() => false, isUnauthorized), {
    timeoutMs: 30_000,
    what: 'the token is refused',
  });
  await client.transport.close();
}
