import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { LABEL_SHARED } from '#api';
import { core, get, patch, post } from '../integration/agent-requests.ts';
import { AccessFleet, user } from '../support/access-fleet.ts';
import { eventually } from '../support/eventually.ts';
import type { Person } from '../support/person.ts';
import { asAdmin, policiesOnEdge } from './guard.ts';

jest.setTimeout(240_000);

const WITHIN = { timeoutMs: 120_000 };
const NAMESPACES = Array.from({ length: 20 }, (_, index) => `big-${index}`);
const SHARED = Array.from({ length: 120 }, (_, index) => `shared-${index}`);
const CONFIG_MAPS = core('p-edge-1--big', 'configmaps');

let fleet: AccessFleet;
/** Writes what project big shares, in the hub. */
let mel: Person;
/** Owns project other. */
let olga: Person;

beforeAll(async () => {
  fleet = await AccessFleet.start();
  await policiesOnEdge(fleet.fleet);
  await fleet.project('big', NAMESPACES);
  await fleet.project('other', ['other-0'], { podSecurity: { enforce: 'restricted' } });
  await fleet.bind('mel', 'project-member', [user('mel')], { project: 'big' });
  await fleet.bind('olga', 'project-owner', [user('olga')], { project: 'other' });
  [mel, olga] = [fleet.personInHub('mel'), fleet.person('olga')];
  const may = () => mel.may('create configmaps', 'p-edge-1--big');
  await eventually(may, { ...WITHIN, what: 'mel may share ConfigMaps' });
  await fleet.until(true, olga, 'create pods', 'other-0');
}, 120_000);

afterAll(() => fleet?.stop());

async function isCopied(a: string): Promise<boolean> {
  for (const namespace of NAMESPACES) {
    const { items } = (await asAdmin(fleet.fleet.edge(), get(core(namespace, 'configmaps')))) as unknown as {
      items: readonly { data?: { a?: string } }[];
    };
    if (items.filter(({ data }) => data?.a === a).length < SHARED.length) return false;
  }
  return true;
}

// All other projects of the cluster waited until everything was copied: for minutes, with 100 namespaces and 500 objects.
test('a member changes all that is shared at once, and others wait for it', async () => {
  const metadata = (name: string) => ({ name, labels: { [LABEL_SHARED]: 'true' } });
  for (const name of SHARED)
    expect((await mel.send(post(CONFIG_MAPS, { metadata: metadata(name), data: { a: '1' } }))).status).toBe(201);
  await eventually(() => isCopied('1'), { ...WITHIN, what: 'everything is copied everywhere' });

  await Promise.all(SHARED.map(name => mel.send(patch(`${CONFIG_MAPS}/${name}`, { data: { a: '2' } }))));
  const begun = performance.now();
  for (const name of ['other-1', 'other-2', 'other-3']) {
    await fleet.member(name, 'other');
    await eventually(() => olga.may('create pods', name), { ...WITHIN, what: `olga has her rights in ${name}` });
  }
  const tookMs = performance.now() - begun;

  // a quick machine may have copied everything meanwhile, but then nobody waited
  expect({ tookMs, waited: tookMs > 5_000 && (await isCopied('2')) }).toMatchObject({ waited: false });
  await eventually(() => isCopied('2'), { ...WITHIN, what: 'everything is copied everywhere again' });
});
