import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Namespaces } from '#runtime';
import { eventuallyPasses, untilStill } from '../support/eventually.ts';
import { ProjectFleet } from '../support/project-fleet.ts';
import type { ProjectUnderTest } from '../support/project-under-test.ts';
import { Quotas } from '../support/quotas.ts';

/** So many namespaces of a project carry a quota at most; two are too many here. */
const MOST = 1_000;
const WITHIN_MS = 120_000;
const members = Array.from({ length: MOST + 2 }, (_, index) => `crowd-${String(index).padStart(4, '0')}`);

let fleet: ProjectFleet;
let project: ProjectUnderTest;
beforeAll(async () => {
  fleet = await ProjectFleet.start();
  project = await fleet.project('crowd', { namespaceLimit: members.length });
  await project.members(members);
  await project.status(({ namespaces }) => expect(namespaces?.total).toBe(members.length));
}, 120_000);
afterAll(async () => {
  await fleet?.stop();
});

/**
 * Waits until as many namespaces as can have this share, and the others nothing; returns who has it. What the quota
 * controller writes has been written then: it would make a write that comes meanwhile a conflict.
 */
async function given(pods: string, others = 2): Promise<Set<string>> {
  let having: string[] = [];
  await eventuallyPasses(
    async () => {
      const { items } = await fleet.downstream.list(Quotas, { labelSelector: 'paddock.dev/owner=project.crowd' });
      const namespacesOf = (share: string) =>
        items.filter(({ spec }) => spec.hard?.pods === share).map(({ metadata }) => metadata?.namespace ?? '');
      having = namespacesOf(pods);
      expect([having.length, namespacesOf('0').length, items.length]).toEqual([MOST, others, MOST + others]);
      expect(items.filter(({ spec, status }) => spec.hard?.pods !== status?.hard?.pods)).toHaveLength(0);
    },
    { timeoutMs: WITHIN_MS, what: `${MOST} namespaces have ${pods} pods and ${others} none` },
  );
  await project.status(({ quota }) => expect(quota?.allocated).toEqual({ pods: `${pods}k` }));
  return new Set(having);
}

/** Counts what the operator writes to quotas and to the ledger while `act` runs, by verb and answer. */
async function writesDuring(act: () => Promise<void>) {
  const before = fleet.writes.length;
  await act();
  await untilStill(() => fleet.writes.length);
  const quotas: Record<string, number> = {};
  const touched = new Set<string>();
  let statuses = 0;
  for (const { method, path, status } of fleet.writes.slice(before)) {
    if (/\/projects\/crowd\/status/.test(path)) statuses += 1;
    const [, namespace] = /\/namespaces\/([^/]+)\/resourcequotas/.exec(path) ?? [];
    // the quota of the project's own namespace counts our kinds once the hub does, two minutes after they were installed
    if (namespace === undefined || !members.includes(namespace)) continue;
    touched.add(namespace);
    quotas[`${method} ${status}`] = (quotas[`${method} ${status}`] ?? 0) + 1;
  }
  return { quotas, statuses, touched: [...touched].sort() };
}

describe(`a quota for ${members.length} namespaces`, () => {
  test(`is given to ${MOST}, by one write each and few to the ledger; who is left out may have nothing and is named`, async () => {
    const { quotas, statuses } = await writesDuring(async () => {
      await project.change({ spec: { resourceQuota: { hard: { pods: '9000' }, namespaceDefault: { pods: '2' } } } });
      await given('2');
    });

    expect(quotas).toEqual({ 'POST 201': members.length });
    // of the ledger and of the project's status together
    expect(statuses).toBeLessThanOrEqual(20);
    const { message } = await project.condition('QuotaReady', 'False', 'TooManyNamespaces');
    expect(message).toMatch(/^namespace crowd-\d{4} gets nothing: at most 1,000 .* carry a quota \(and 1 more\)$/);
  }, 180_000);

  test('raised: one write each', async () => {
    const { quotas, statuses } = await writesDuring(async () => {
      await project.change({ spec: { resourceQuota: { namespaceDefault: { pods: '4' } } } });
      await given('4');
    });

    expect(quotas).toEqual({ 'PATCH 200': MOST });
    expect(statuses).toBeLessThanOrEqual(20);
  }, 180_000);

  test('gives on what is freed to those who were left out, and touches nobody else', async () => {
    const having = await given('4');
    const leaving = [...having].slice(0, 2);
    const leftOut = members.filter(name => !having.has(name));
    const { touched } = await writesDuring(async () => {
      for (const name of leaving) await fleet.downstream.delete(Namespaces, { name });
      await project.condition('QuotaReady', 'True', 'Allocated');
    });

    expect(touched).toEqual(leftOut);
    const now = await given('4', 0);
    expect(members.filter(name => !now.has(name))).toEqual(leaving.sort());
  }, 180_000);

  test('looked at by a new operator: no write', async () => {
    // a namespace that is on its way out keeps its share until it is gone
    await eventuallyPasses(
      async () => {
        const { items } = await fleet.downstream.list(Namespaces);
        expect(items.filter(({ metadata }) => metadata?.deletionTimestamp)).toEqual([]);
      },
      { timeoutMs: WITHIN_MS, what: 'those that leave are gone' },
    );
    await untilStill(() => fleet.writes.length);
    const { quotas } = await writesDuring(async () => {
      await fleet.whileDown();
      await project.change({ spec: { description: 'looked at' } });
      const { metadata } = await project.read();
      await eventuallyPasses(
        async () => expect((await project.condition('Ready', 'True')).observedGeneration).toBe(metadata.generation),
        { timeoutMs: WITHIN_MS, what: 'the new operator has looked at everything' },
      );
    });

    expect(quotas).toEqual({});
  }, 180_000);
});
