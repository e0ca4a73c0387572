import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ANNOTATION_QUOTA, LABEL_PROJECT, type ProjectSpec, type ProjectStatus } from '#api';
import { Namespaces, type ResourceType } from '#runtime';
import { WITHIN_MS } from '../support/cluster-objects.ts';
import { eventuallyPasses } from '../support/eventually.ts';
import { aConfigMap, aNamespace } from '../support/objects.ts';
import { ProjectFleet } from '../support/project-fleet.ts';
import type { ProjectUnderTest } from '../support/project-under-test.ts';
import { enforced, Quotas } from '../support/quotas.ts';

const NAME = 'paddock';

let fleet: ProjectFleet;
beforeAll(async () => {
  fleet = await ProjectFleet.start();
});
afterAll(async () => {
  await fleet?.stop();
});

const key = (namespace: string) => ({ namespace, name: NAME });
type Hard = Readonly<Record<string, string>>;
const spec = (hard: Hard, namespaceDefault: Hard): ProjectSpec => ({ resourceQuota: { hard, namespaceDefault } });

const hardOf = async (namespace: string) => (await fleet.downstream.find(Quotas, key(namespace)))?.spec.hard;

/** Waits until these namespaces have these shares; undefined: no ResourceQuota of ours. */
async function shares(wanted: Readonly<Record<string, Hard | undefined>>): Promise<void> {
  await eventuallyPasses(
    async () => {
      for (const [namespace, hard] of Object.entries(wanted))
        expect([namespace, await hardOf(namespace)]).toEqual([namespace, hard]);
    },
    { timeoutMs: WITHIN_MS, what: `namespaces have their shares: ${JSON.stringify(wanted)}` },
  );
}

async function ledger(project: ProjectUnderTest, wanted: Partial<NonNullable<ProjectStatus['quota']>>): Promise<void> {
  await project.status(({ quota }) => expect(quota).toMatchObject(wanted));
}

/** Namespaces, the next one made in a later second, so that it is known which is the oldest. */
async function inTurn(project: ProjectUnderTest, names: readonly string[]): Promise<void> {
  for (const name of names) {
    await project.members([name]);
    const { metadata } = await fleet.downstream.get(Namespaces, { name });
    const second = Date.parse(`${metadata?.creationTimestamp}`) + 1_000;
    await eventuallyPasses(() => expect(Date.now()).toBeGreaterThanOrEqual(second), { timeoutMs: 5_000, what: 'time' });
  }
}

const override = (namespace: string, text: string | null) =>
  fleet.downstream.mergePatch(
    Namespaces,
    { name: namespace },
    { metadata: { annotations: { [ANNOTATION_QUOTA]: text } } },
  );

describe('a quota', () => {
  test('gives every namespace its share, counts it, and Kubernetes holds to it', async () => {
    const project = await fleet.project(
      'real',
      spec({ services: '5', 'requests.cpu': '4' }, { services: '2', 'requests.cpu': '1' }),
    );
    await inTurn(project, ['real-1', 'real-2']);
    await override('real-2', '{"services":"3"}');
    await shares({
      'real-1': { services: '2', 'requests.cpu': '1' },
      'real-2': { services: '3', 'requests.cpu': '1' },
    });
    await ledger(project, {
      hard: { services: '5', 'requests.cpu': '4' },
      allocated: { services: '5', 'requests.cpu': '2' },
      namespaces: {
        'real-1': { services: '2', 'requests.cpu': '1' },
        'real-2': { services: '3', 'requests.cpu': '1' },
      },
    });
    await project.condition('QuotaReady', 'True', 'Allocated');
    await project.condition('Ready', 'True');
    for (const namespace of ['real-1', 'real-2']) await enforced(fleet.downstream, namespace, NAME);

    const Services: ResourceType = { group: '', version: 'v1', kind: 'Service', plural: 'services', namespaced: true };
    const create = async (namespace: string, number: number) => {
      const body = { metadata: { name: `s-${number}` }, spec: { ports: [{ port: 80 }] } };
      await fleet.downstream.create(Services, { namespace }, body);
    };
    for (const number of [1, 2]) await create('real-1', number);
    for (const number of [1, 2, 3]) await create('real-2', number);
    await expect(create('real-1', 3)).rejects.toThrow(/exceeded quota: paddock/);
    await expect(create('real-2', 4)).rejects.toThrow(/exceeded quota: paddock/);
    await ledger(project, { used: { services: '5', 'requests.cpu': '0' } });
  });

  test('is given to the oldest first, whole or not at all, and who is left out is named', async () => {
    const project = await fleet.project('old', spec({ pods: '10' }, { pods: '4' }));
    await inTurn(project, ['old-1', 'old-2', 'old-3']);
    await shares({ 'old-1': { pods: '4' }, 'old-2': { pods: '4' }, 'old-3': { pods: '0' } });
    const { message } = await project.condition('QuotaReady', 'False', 'QuotaExceeded');
    expect(message).toBe(
      'namespace old-3 keeps 0 of pods instead of 4: 4 more does not fit into the 2 that spec.resourceQuota.hard has left',
    );
    await project.condition('Ready', 'False', 'QuotaExceeded');
    await project.event('QuotaExceeded', 'old-3');

    // what is freed is given on by itself
    await fleet.downstream.delete(Namespaces, { name: 'old-1' });
    await shares({ 'old-2': { pods: '4' }, 'old-3': { pods: '4' } });
    await project.condition('QuotaReady', 'True');
    await ledger(project, { allocated: { pods: '8' } });
  });

  test('with a raised default reaches all without an override, until nothing is left', async () => {
    const project = await fleet.project('raise', spec({ pods: '13' }, { pods: '2' }));
    await inTurn(project, ['raise-1', 'raise-2', 'raise-3']);
    await override('raise-2', '{"pods":"3"}');
    await shares({ 'raise-1': { pods: '2' }, 'raise-2': { pods: '3' }, 'raise-3': { pods: '2' } });

    await project.change({ spec: { resourceQuota: { namespaceDefault: { pods: '6' } } } });
    await shares({ 'raise-1': { pods: '6' }, 'raise-2': { pods: '3' }, 'raise-3': { pods: '2' } });
    const { message } = await project.condition('QuotaReady', 'False', 'QuotaExceeded');
    expect(message).toContain('namespace raise-3 keeps 2 of pods instead of 6');

    await project.change({ spec: { resourceQuota: { hard: { pods: '15' } } } });
    await shares({ 'raise-3': { pods: '6' } });
    await expect(project.change({ spec: { resourceQuota: { hard: { pods: '14' } } } })).rejects.toThrow(
      / spec.resourceQuota.hard: .*spec.resourceQuota.hard\[pods\] "14" must be at least what namespaces have been given/,
    );
    await project.change({ spec: { resourceQuota: { namespaceDefault: { pods: '1' } } } });
    await shares({ 'raise-1': { pods: '1' }, 'raise-2': { pods: '3' }, 'raise-3': { pods: '1' } });
    await ledger(project, { allocated: { pods: '5' } });
    await project.change({ spec: { resourceQuota: { hard: { pods: '5' } } } });
  });

  test('with an override that can not be read leaves the share as it was, and names the namespace', async () => {
    const project = await fleet.project('bad', spec({ pods: '10' }, { pods: '2' }));
    await project.members(['bad-1']);
    await shares({ 'bad-1': { pods: '2' } });
    await override('bad-1', '{"pods":"-3"}');
    const { message } = await project.condition('QuotaReady', 'False', 'InvalidOverride');
    expect(message).toContain('namespace bad-1 keeps its share: annotation paddock.dev/quota: pods: "-3" must not be');
    await project.event('QuotaOverrideInvalid', 'bad-1');
    await shares({ 'bad-1': { pods: '2' } });

    await override('bad-1', '{"pods":"3","bananas":"4"}');
    await shares({ 'bad-1': { pods: '3' } });
    const known = await project.condition('QuotaReady', 'True');
    expect(known.message).toContain('namespace bad-1 asks for bananas, which spec.resourceQuota does not have');
  });

  test('with a key that the cluster does not count names it, and leaves it out of what is used', async () => {
    const hard = {
      pods: '4',
      'count/deploymnts.apps': '4',
      'requests.example.com/gpu': '4',
      'count/widgets.example.com': '4',
    };
    const project = await fleet.project('uncounted', spec(hard, hard));
    await project.members(['uncounted-1']);

    const { message } = await project.condition('QuotaReady', 'False', 'NotCounted');

    expect(message).toContain('the cluster does not count count/deploymnts.apps, count/widgets.example.com, so');
    await project.status(({ quota }) => expect(quota?.used).toEqual({ pods: '0', 'requests.example.com/gpu': '0' }));
    const right = { 'count/deploymnts.apps': null, 'count/widgets.example.com': null };
    await project.change({ spec: { resourceQuota: { hard: right, namespaceDefault: right } } });
    await project.condition('QuotaReady', 'True', 'Allocated');
  });

  test('that goes takes its ResourceQuotas and its ledger along, and comes again', async () => {
    const project = await fleet.project('goes', spec({ pods: '10' }, { pods: '2' }));
    await project.members(['goes-1']);
    await shares({ 'goes-1': { pods: '2' } });

    await project.change({ spec: { resourceQuota: null } });
    await shares({ 'goes-1': undefined });
    await project.status(({ quota }) => expect(quota).toBeUndefined());
    await project.condition('QuotaReady', 'True', 'NoQuota');

    await project.change({ spec: spec({ pods: '10' }, { pods: '3' }) });
    await shares({ 'goes-1': { pods: '3' } });
    await project.delete();
    await project.gone();
    await shares({ 'goes-1': undefined });
  });

  test('of a namespace that moves is reserved at its new project, and given back at the old one', async () => {
    const from = await fleet.project('from', spec({ pods: '4' }, { pods: '4' }));
    const to = await fleet.project('to', spec({ pods: '5', secrets: '9' }, { pods: '3', secrets: '1' }));
    await inTurn(from, ['from-1', 'from-2']);
    await shares({ 'from-1': { pods: '4' }, 'from-2': { pods: '0' } });

    await to.attach('from-1');
    await shares({ 'from-1': { pods: '3', secrets: '1' }, 'from-2': { pods: '4' } });
    await ledger(from, { allocated: { pods: '4' }, namespaces: { 'from-2': { pods: '4' } } });
    await ledger(to, { namespaces: { 'from-1': { pods: '3', secrets: '1' } } });

    await fleet.downstream.mergePatch(
      Namespaces,
      { name: 'from-1' },
      { metadata: { labels: { [LABEL_PROJECT]: null } } },
    );
    await shares({ 'from-1': undefined });
    await ledger(to, { allocated: { pods: '0', secrets: '0' }, namespaces: {} });
  });

  test('given from none, and taken to none, is right after one look', async () => {
    const from = await fleet.project('none');
    const to = await fleet.project('some', spec({ pods: '4' }, { pods: '4' }));
    await from.members(['none-1']);
    await from.settle(['none-1'], aConfigMap('there'));
    await to.attach('none-1');
    await shares({ 'none-1': { pods: '4' } });
    await from.attach('none-1');
    await shares({ 'none-1': undefined });
    await ledger(to, { namespaces: {} });
  });

  test.each([
    ['edited', { spec: { hard: { pods: '1000' } } }],
    ['stripped of its marks', { metadata: { labels: { 'paddock.dev/owner': null } } }],
    ['given a revision from far away', { metadata: { annotations: { 'paddock.dev/quota-revision': '999999' } } }],
    ['given a revision that is none', { metadata: { annotations: { 'paddock.dev/quota-revision': 'x' } } }],
  ])('whose ResourceQuota is %s is restored', async (what, patch) => {
    const name = `r-${what.replaceAll(' ', '-')}`.slice(0, 22).replace(/-$/, '');
    const project = await fleet.project(name, spec({ pods: '10' }, { pods: '2' }));
    await project.members([`${name}-1`]);
    await shares({ [`${name}-1`]: { pods: '2' } });
    await fleet.downstream.mergePatch(Quotas, key(`${name}-1`), patch);
    await eventuallyPasses(
      async () => {
        const { spec, metadata } = await fleet.downstream.get(Quotas, key(`${name}-1`));
        expect(spec.hard).toEqual({ pods: '2' });
        expect(metadata?.labels).toMatchObject({ 'paddock.dev/owner': `project.${name}` });
        const { status } = await project.read();
        expect(Number(metadata?.annotations?.['paddock.dev/quota-revision'])).toBeLessThanOrEqual(
          status?.quota?.revision ?? 0,
        );
      },
      { timeoutMs: WITHIN_MS, what: 'it is as it was' },
    );
    await project.condition('QuotaReady', 'True');
  });

  test('whose ResourceQuota is deleted has it again; a foreign one of its name is named and left alone', async () => {
    const project = await fleet.project('again', spec({ pods: '10' }, { pods: '2' }));
    await project.members(['again-1']);
    await shares({ 'again-1': { pods: '2' } });
    await fleet.downstream.delete(Quotas, key('again-1'));
    await shares({ 'again-1': { pods: '2' } });

    await fleet.downstream.create(Namespaces, {}, aNamespace('again-2'));
    const body = { metadata: { name: NAME }, spec: { hard: { pods: '77' } } };
    await fleet.downstream.create(Quotas, { namespace: 'again-2' }, body);
    await project.attach('again-2');
    const { message } = await project.condition('QuotaReady', 'False', 'Conflict');
    expect(message).toContain('ResourceQuota again-2/paddock');
    const { note } = await project.event('ConflictFound', 'again-2');
    expect(note).toBe(
      "ResourceQuota paddock can't be put in namespace again-2: a ResourceQuota of this name that Paddock did not make is there: delete or rename it, and the project's takes its place",
    );
    await shares({ 'again-2': { pods: '77' } });
    await fleet.downstream.delete(Quotas, key('again-2'));
    await shares({ 'again-2': { pods: '2' } });
    await project.condition('QuotaReady', 'True');
  });

  test('costs one write a namespace and none while nothing changes, also after a restart', async () => {
    const project = await fleet.project('cheap', spec({ pods: '10' }, { pods: '2' }));
    await project.members(['cheap-1']);
    await shares({ 'cheap-1': { pods: '2' } });
    const writes = async (marker: string) => {
      await project.settle(['cheap-1'], aConfigMap(marker));
      return fleet.writes.filter(({ path }) => path.includes('/cheap-1/resourcequotas')).length;
    };
    expect(await writes('first')).toBe(1);
    await project.change({ spec: { description: 'nothing that a namespace has' } });
    expect(await writes('second')).toBe(1);
    await fleet.whileDown();
    expect(await writes('third')).toBe(1);
  });

  test('whose ledger is lost makes it from what namespaces hold', async () => {
    const project = await fleet.project('lost', spec({ pods: '10' }, { pods: '4' }));
    await inTurn(project, ['lost-1', 'lost-2']);
    await shares({ 'lost-1': { pods: '4' }, 'lost-2': { pods: '4' } });
    await fleet.whileDown(async () => {
      const patch = [{ op: 'remove', path: '/status/quota' } as const];
      const { ProjectResource } = await import('#api');
      await fleet.hub.jsonPatch(ProjectResource, project.key, patch, { subresource: 'status' });
      await project.members(['a-lost-3']);
    });
    await shares({ 'lost-1': { pods: '4' }, 'lost-2': { pods: '4' }, 'a-lost-3': { pods: '0' } });
    await ledger(project, { allocated: { pods: '8' } });
  });
});
