import { afterAll, beforeAll, test } from '@jest/globals';
import { type Fleet, startFleet } from '../support/fleet.ts';
import { backUp, makeHistory, restore } from './backup.ts';
import { givenTwoSources, twoSourcesPicture } from './given.ts';
import { alike, type Picture, untilPicture } from './picture.ts';
import { Stage } from './stage.ts';

const COUNT = 5;
/** Watches and engagements that failed are tried again after at most 30 s. */
const WITHIN = { timeoutMs: 120_000 };

let fleet: Fleet;

beforeAll(async () => {
  fleet = await startFleet();
  fleet.start(['cluster']);
  fleet.start(['project']);
  await fleet.importCluster(fleet.edge());
  await fleet.connected('edge-1');
}, 120_000);

afterAll(async () => {
  await fleet?.stop();
});

test('the downstream is restored from a backup that knows nothing of the last changes', async () => {
  const stage = new Stage(fleet, 'restored');
  await givenTwoSources(stage, COUNT);
  await untilPicture(stage, twoSourcesPicture(COUNT), WITHIN);
  await backUp(fleet.edge());
  await stage.change('a', 'Secret', 'token', { value: '2' });
  await stage.unshare('a', 'ConfigMap', 'settings');
  const namespaces = alike(COUNT, { member: 'a', team: 'a', objects: ['Secret token=2 of a'] });
  const picture: Picture = { namespaces, projects: { a: `ready: ${COUNT} copies of 1 objects` } };
  await untilPicture(stage, picture, WITHIN);

  await makeHistory(fleet.edge());
  await restore(fleet.edge());
  await untilPicture(stage, picture, WITHIN);
}, 300_000);
