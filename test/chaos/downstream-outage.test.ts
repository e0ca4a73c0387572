import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ApiError, type Client, ConnectionError, isAlreadyExists, Namespaces, registry } from '#runtime';
import { eventually } from '../support/eventually.ts';
import { type Fleet, startFleet } from '../support/fleet.ts';
import { ContentTypes } from '../support/objects.ts';
import { givenTwoSources, TWO, twoSourcesPicture } from './given.ts';
import { alike, type NamespacePicture, type Picture, untilPicture } from './picture.ts';
import { type ProxiedSite, proxied } from './proxied.ts';
import { Stage } from './stage.ts';

const COUNT = 5;
/** Watches and engagements that failed are tried again after at most 30 s. */
const WITHIN = { timeoutMs: 120_000 };
/** Four times as long as it takes a silent cluster to count as lost and be let go. */
const OUTAGE_MS = 60_000;

let fleet: Fleet;
let edge: ProxiedSite;

beforeAll(async () => {
  fleet = await startFleet();
  edge = await proxied(fleet.edge());
  fleet.start(['cluster']);
  fleet.start(['project']);
  await fleet.importCluster(fleet.edge(), { kubeconfig: edge.kubeconfig });
  await fleet.connected('edge-1');
}, 120_000);

afterAll(async () => {
  await fleet?.stop();
  await edge?.proxy.stop();
});

/** What {@link churn} has to come to. */
function afterChurn(rounds: number): Picture {
  const member = (objects: readonly string[]): NamespacePicture => ({ member: 'a', team: 'a', objects });
  const objects = ['ConfigMap later=1 of a', `Secret token=${rounds} of a`];
  return {
    namespaces: [...alike(COUNT, member(objects)), { member: 'late', objects: ['Secret token=late of late'] }],
    projects: { a: 'ready: 10 copies of 2 objects', late: 'ready: 1 copies of 1 objects', early: 'gone' },
  };
}

/** Projects `a` and `early` at rest, and a namespace that waits for project `late`. */
async function beforeChurn(stage: Stage): Promise<void> {
  await givenTwoSources(stage, COUNT);
  await stage.createNamespace(COUNT + 1, 'early');
  await stage.createHome('early');
  await stage.share('early', 'Secret', 'token', { value: 'early' });
  await stage.createProject('early');
  const early = { member: 'early', objects: ['Secret token=early of early'] };
  const { namespaces, projects } = twoSourcesPicture(COUNT);
  await untilPicture(
    stage,
    { namespaces: [...namespaces, early], projects: { ...projects, early: 'ready: 1 copies of 1 objects' } },
    WITHIN,
  );
}

/** Changes the hub in every way, then one object again and again until the time is up. Returns how often. */
async function churn(
  stage: Stage,
  forMs: number,
  how: (change: () => Promise<unknown>) => Promise<unknown> = change => change(),
): Promise<number> {
  const until = Date.now() + forMs;
  await how(() => stage.unshare('a', 'ConfigMap', 'settings'));
  await how(() => stage.share('a', 'ConfigMap', 'later', { value: '1' }));
  await how(() => stage.share('a', 'Secret', 'short-lived', { value: '1' }));
  await how(() => stage.deleteProject('early'));
  await how(() => stage.createHome('late'));
  await how(() => stage.share('late', 'Secret', 'token', { value: 'late' }));
  await how(() => stage.createProject('late'));
  await how(() => stage.unshare('a', 'Secret', 'short-lived'));
  let rounds = 1;
  do {
    rounds += 1;
    const value = String(rounds);
    await how(() => stage.change('a', 'Secret', 'token', { value }));
  } while (Date.now() < until);
  return rounds;
}

describe('the downstream is away while the hub changes', () => {
  test('its API server is stopped until the cluster counts as lost', async () => {
    const stage = new Stage(fleet, 'stopped');
    await beforeChurn(stage);
    const { controlPlane } = fleet.edge();

    await controlPlane.stopApiServer();
    const rounds = await churn(stage, OUTAGE_MS);
    await fleet.connected('edge-1', 'Unknown');
    await controlPlane.startApiServer();

    await stage.move(COUNT + 1, 'late');
    await untilPicture(stage, afterChurn(rounds), WITHIN);
  }, 300_000);

  test('its API server is restarted', async () => {
    const stage = new Stage(fleet, 'restarted');
    await beforeChurn(stage);
    const [rounds] = await Promise.all([churn(stage, 3_000), fleet.edge().controlPlane.restartApiServer()]);
    await stage.move(COUNT + 1, 'late');
    await untilPicture(stage, afterChurn(rounds), WITHIN);
  }, 300_000);

  test('the connection is silent, both ends open, until the cluster counts as lost; then it is cut', async () => {
    const stage = new Stage(fleet, 'half-open');
    await beforeChurn(stage);

    edge.proxy.freeze();
    const rounds = await churn(stage, OUTAGE_MS);
    await fleet.connected('edge-1', 'Unknown');
    expect(edge.proxy.connections).toBeGreaterThan(0);
    edge.proxy.cut();
    edge.proxy.thaw();

    await stage.move(COUNT + 1, 'late');
    await untilPicture(stage, afterChurn(rounds), WITHIN);
  }, 300_000);

  test('the connection is silent for a moment and then cut', async () => {
    const stage = new Stage(fleet, 'hiccup');
    await beforeChurn(stage);

    edge.proxy.freeze();
    const rounds = await churn(stage, 2_000);
    edge.proxy.cut();
    edge.proxy.thaw();

    await stage.move(COUNT + 1, 'late');
    await untilPicture(stage, afterChurn(rounds), WITHIN);
  }, 300_000);
});

/** Does it until the API server has answered; what took effect without an answer counts as done. */
async function insist(change: () => Promise<unknown>): Promise<void> {
  const done = async () => {
    try {
      await change();
      return true;
    } catch (error) {
      if (isAlreadyExists(error)) return true;
      if (error instanceof ConnectionError || (error instanceof ApiError && error.code !== 422)) return false;
      throw error;
    }
  };
  await eventually(done, { ...WITHIN, what: 'the hub takes the change' });
}

test('the API server of the hub is restarted, and its etcd compacted, while the hub changes', async () => {
  const stage = new Stage(fleet, 'hub');
  await beforeChurn(stage);
  const { controlPlane } = fleet.hub;

  const restarts = async () => {
    await controlPlane.restartApiServer();
    await controlPlane.compactEtcd();
    await controlPlane.restartApiServer();
  };
  const [rounds] = await Promise.all([churn(stage, 10_000, insist), restarts()]);

  await stage.move(COUNT + 1, 'late');
  await untilPicture(stage, afterChurn(rounds), WITHIN);
}, 300_000);

/** The first thing that a watch of Secrets from this version brings. */
async function watchFrom(client: Client, resourceVersion: string): Promise<string> {
  const end = new AbortController();
  const { body } = await client.watch(ContentTypes.Secret, {}, { resourceVersion }, end.signal);
  for await (const chunk of body) {
    end.abort();
    return chunk.toString('utf8');
  }
  return 'nothing';
}

test('the downstream changes while it can not be watched, and forgets what changed (410)', async () => {
  const stage = new Stage(fleet, 'compacted');
  await givenTwoSources(stage, COUNT);
  await untilPicture(stage, twoSourcesPicture(COUNT), WITHIN);
  const { controlPlane, client } = fleet.edge();

  await edge.proxy.refuse();
  edge.proxy.cut();
  const { resourceVersion } = await client.list(ContentTypes.Secret, { limit: 1 }); // no watch has seen more
  const secret = (number: number) => ({ namespace: stage.namespace(number), name: 'token' });
  await client.delete(ContentTypes.Secret, secret(1));
  await client.mergePatch(ContentTypes.Secret, secret(2), { data: { value: 'ZWRpdGVk' } });
  await stage.move(3, null);
  await client.delete(Namespaces, { name: stage.namespace(4) });
  await stage.createNamespace(COUNT + 1, 'a');
  await controlPlane.compactEtcd();
  await controlPlane.restartApiServer(); // its own memory of events is empty now, and etcd's is gone
  expect(await watchFrom(client, resourceVersion)).toContain('"code":410');
  await edge.proxy.accept();

  const member = { member: 'a', team: 'a', objects: TWO };
  const namespaces = [member, member, { objects: [] }, member, member];
  await untilPicture(stage, { namespaces, projects: { a: 'ready: 8 copies of 2 objects' } }, WITHIN);
}, 240_000);

/** How often work on a namespace has failed. */
async function failures(): Promise<number> {
  const metric = await registry.getSingleMetric('controller_runtime_reconcile_errors_total')?.get();
  return metric?.values.find(({ labels }) => labels.controller === 'project-namespaces')?.value ?? 0;
}

/** Waits until every namespace has failed at the last change too, and is only tried again after a delay. */
async function untilFailuresEnd(): Promise<void> {
  let last = await failures();
  let unchanged = 0;
  const isSteady = async () => {
    const now = await failures();
    unchanged = now === last ? unchanged + 1 : 0;
    last = now;
    return unchanged > 20;
  };
  await eventually(isSteady, { ...WITHIN, what: 'the last change has failed' });
}

test('connections are refused for so short that the cluster is not let go: what failed often does not wait long', async () => {
  const stage = new Stage(fleet, 'refused');
  await beforeChurn(stage);

  await edge.proxy.refuse();
  edge.proxy.cut();
  const rounds = await churn(stage, 5_000);
  await untilFailuresEnd();
  await edge.proxy.accept();

  await stage.move(COUNT + 1, 'late');
  await untilPicture(stage, afterChurn(rounds), { timeoutMs: 60_000 });
}, 240_000);
