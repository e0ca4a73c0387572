import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { untilStill } from '../support/eventually.ts';
import { type Fleet, startFleet } from '../support/fleet.ts';
import type { RunningOperators } from '../support/operators.ts';
import { alike, type Picture, takePicture, untilPicture } from './picture.ts';
import { type ProxiedSite, proxied } from './proxied.ts';
import { Stage } from './stage.ts';

const COUNT = 50;
const WITHIN = { timeoutMs: 60_000 };
/** Clusters that accept connections and have never said a word. */
const DEAD = ['dead-1', 'dead-2', 'dead-3', 'dead-4', 'dead-5', 'dead-6', 'dead-7'];

let fleet: Fleet;
let edge: ProxiedSite;
let nowhere: ProxiedSite;
let project: RunningOperators;

/** Ten clusters: two good ones, `edge-3` which falls silent later, and seven that are silent from the start. */
beforeAll(async () => {
  fleet = await startFleet({ downstreams: 3 });
  [edge, nowhere] = await Promise.all([proxied(fleet.edge(3)), proxied(fleet.edge(3))]);
  nowhere.proxy.freeze();
  fleet.start(['cluster']);
  project = fleet.start(['project']);
  for (const name of DEAD) await fleet.importCluster(fleet.edge(3), { name, kubeconfig: nowhere.kubeconfig });
  await fleet.importCluster(fleet.edge(3), { kubeconfig: edge.kubeconfig });
  await fleet.importCluster(fleet.edge(1));
  await fleet.importCluster(fleet.edge(2));
  await Promise.all(['edge-1', 'edge-2', 'edge-3'].map(name => fleet.connected(name)));
}, 120_000);

afterAll(async () => {
  await Promise.all([edge, nowhere].map(site => site?.proxy.stop()));
  await fleet?.stop();
});

/** Writes of the project operator to the namespaces of a stage, by method; the first so many of all are left out. */
function writesTo(stage: Stage, from = 0): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { method, path } of project.writes.slice(from))
    if (path.startsWith(`/api/v1/namespaces/${stage.id}-`)) counts[method] = (counts[method] ?? 0) + 1;
  return counts;
}

function full(value: string): Picture {
  return {
    namespaces: alike(COUNT, { member: 'a', objects: [`Secret token=${value} of a`] }),
    projects: { a: `ready: ${COUNT} copies of 1 objects` },
  };
}

async function given(stage: Stage): Promise<void> {
  await stage.createHome('a');
  await stage.createNamespaces(COUNT, 'a');
  await stage.createProject('a');
  const namespaces = alike(COUNT, { member: 'a', objects: [] });
  await untilPicture(stage, { namespaces, projects: { a: 'ready: 0 copies of 0 objects' } }, WITHIN);
}

/** How many writes it took; of a namespace that comes to be known after its Project, its joining is recorded on it. */
async function givenAll(stages: readonly Stage[]): Promise<number> {
  await Promise.all(stages.map(given));
  await untilStill(() => project.writes.length);
  return project.writes.length;
}

test('clusters that never answered keep none waiting', async () => {
  expect(nowhere.proxy.totalConnections).toBeGreaterThanOrEqual(DEAD.length); // they were tried
  const stages = [1, 2, 3].map(number => new Stage(fleet, `early-${number}`, number));
  const from = await givenAll(stages);
  await Promise.all(stages.map(stage => stage.share('a', 'Secret', 'token', { value: '1' })));
  await Promise.all(stages.map(stage => untilPicture(stage, full('1'), WITHIN)));
  for (const stage of stages) expect(writesTo(stage, from)).toEqual({ POST: COUNT });
  for (const name of DEAD) await fleet.connected(name, 'Unknown');
}, 180_000);

test('a cluster that falls silent keeps none waiting, costs the others no request, and is served when it is back', async () => {
  const stages = [1, 2, 3].map(number => new Stage(fleet, `late-${number}`, number));
  const [one, two, silent] = stages;
  if (!one || !two || !silent) throw new Error('three stages were made');
  const from = await givenAll(stages);

  // the silent one has its work first, and its requests take every place that it can get
  edge.proxy.freeze();
  await silent.share('a', 'Secret', 'token', { value: '1' });
  await Promise.all([one, two].map(stage => stage.share('a', 'Secret', 'token', { value: '1' })));
  await Promise.all([one, two].map(stage => untilPicture(stage, full('1'), WITHIN)));
  await Promise.all([one, two].map(stage => stage.change('a', 'Secret', 'token', { value: '2' })));
  await Promise.all([one, two].map(stage => untilPicture(stage, full('2'), WITHIN)));
  await untilStill(() => project.writes.length);

  // all of that came to pass while the silent one had nothing yet, and with one request for each copy
  expect((await takePicture(silent, ['a'])).namespaces).toEqual(alike(COUNT, { member: 'a', objects: [] }));
  expect(writesTo(silent, from)).toEqual({});
  for (const stage of [one, two]) expect(writesTo(stage, from)).toEqual({ POST: COUNT, PATCH: COUNT });
  expect(edge.proxy.connections).toBeGreaterThan(COUNT / 2); // its requests were sent, and wait

  edge.proxy.thaw();
  await untilPicture(silent, full('1'), WITHIN);
}, 180_000);
