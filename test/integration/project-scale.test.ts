import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ANNOTATION_NAMESPACES } from '#api';
import { Committed } from '../support/committed.ts';
import { eventually, untilStill } from '../support/eventually.ts';
import { aSecret, base64, type ContentObject, ContentTypes } from '../support/objects.ts';
import { ProjectFleet } from '../support/project-fleet.ts';
import type { ProjectUnderTest } from '../support/project-under-test.ts';

const COUNT = 1_000;
const WITHIN_MS = 60_000;
const members = Array.from({ length: COUNT }, (_, index) => `crowd-${String(index).padStart(4, '0')}`);
const gold = members.slice(0, 250);
const secret = aSecret('db');

let fleet: ProjectFleet;
let project: ProjectUnderTest;
let committed: Committed;
beforeAll(async () => {
  fleet = await ProjectFleet.start();
  committed = await Committed.start(fleet.downstream, [ContentTypes.Secret]);
  project = await fleet.project('crowd', { namespaceLimit: COUNT });
  await project.members(gold, { tier: 'gold' });
  await project.members(members.slice(gold.length));
}, 120_000);
afterAll(async () => {
  committed?.stop();
  await fleet?.stop();
});

/** Waits until exactly these namespaces have a copy, and each copy holds. */
async function copiesIn(namespaces: readonly string[], holds: (copy: ContentObject) => boolean): Promise<void> {
  const selection = { labelSelector: 'paddock.dev/owner=project.crowd' };
  await eventually(
    async () => {
      const { items } = await fleet.downstream.list(ContentTypes.Secret, selection);
      const found = items.map(({ metadata }) => metadata?.namespace ?? '').sort();
      return found.length === namespaces.length && items.every(holds) && found.join() === [...namespaces].join();
    },
    { timeoutMs: WITHIN_MS, what: `${namespaces.length} namespaces have their copy and no other has` },
  );
}

/** Counts what is committed to copies while `act` runs, and holds the operator to as many requests; fewer are answered where an answer is lost. */
async function writesDuring(act: () => Promise<void>): Promise<Record<string, number>> {
  const before = fleet.writesTo(members).length;
  committed.take();
  await act();
  await untilStill(() => fleet.writes.length);
  const counts = committed.take();
  const answered = fleet.writesTo(members).length - before;
  expect(answered).toBeLessThanOrEqual(Object.values(counts).reduce((one, other) => one + other, 0));
  return counts;
}

const password = (value: string) => (copy: ContentObject) => copy.data?.password === base64(value);
const counted = (copies: number) =>
  project.status(status =>
    expect(status.shared).toEqual({ objects: copies === 0 ? 0 : 1, copies, pending: 0, conflicts: [] }),
  );

describe(`one source and ${COUNT} namespaces`, () => {
  test('created: one write a copy', async () => {
    const writes = await writesDuring(async () => {
      await project.share(secret);
      await copiesIn(members, password('secret'));
      await counted(COUNT);
    });

    expect(writes).toEqual({ 'Secret created': COUNT });
    await project.status(status => expect(status.namespaces).toEqual({ total: COUNT, names: members.slice(0, 100) }));
  }, 90_000);

  test('updated: one write a copy', async () => {
    const writes = await writesDuring(async () => {
      await project.changeSource(secret, { data: { password: base64('new') } });
      await copiesIn(members, password('new'));
      await counted(COUNT);
    });

    expect(writes).toEqual({ 'Secret changed': COUNT });
  }, 90_000);

  test('looked at by a new operator: no write', async () => {
    const writes = await writesDuring(async () => {
      await fleet.whileDown();
      await project.change({ spec: { description: 'looked at' } });
      const { metadata } = await project.read();
      // ready is said of this generation only once every namespace was looked at
      await eventually(
        async () => (await project.condition('Ready', 'True')).observedGeneration === metadata.generation,
        {
          timeoutMs: WITHIN_MS,
          what: 'the new operator has looked at everything',
        },
      );
      await counted(COUNT);
    });

    expect(writes).toEqual({});
  }, 90_000);

  test('narrowed: one write for each copy that goes', async () => {
    const writes = await writesDuring(async () => {
      await project.changeSource(secret, { metadata: { annotations: { [ANNOTATION_NAMESPACES]: 'tier=gold' } } });
      await copiesIn(gold, password('new'));
      await counted(gold.length);
    });

    expect(writes).toEqual({ 'Secret deleted': COUNT - gold.length });
  }, 90_000);

  test('deleted: one write for each copy that is left', async () => {
    const writes = await writesDuring(async () => {
      await project.deleteSource(secret);
      await copiesIn([], () => true);
      await counted(0);
    });

    expect(writes).toEqual({ 'Secret deleted': gold.length });
  }, 90_000);
});
