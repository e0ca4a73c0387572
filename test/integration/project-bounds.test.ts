import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ANNOTATION_NAMESPACES, ANNOTATION_QUOTA } from '#api';
import { Namespaces } from '#runtime';
import { find, inBatches, WITHIN_MS } from '../support/cluster-objects.ts';
import { eventuallyPasses } from '../support/eventually.ts';
import { aConfigMap, aSecret, ContentTypes } from '../support/objects.ts';
import { ProjectFleet } from '../support/project-fleet.ts';
import type { ProjectUnderTest } from '../support/project-under-test.ts';
import { Quotas } from '../support/quotas.ts';

const LEAVE_OUT = 'paddock.dev/leave-out';

let fleet: ProjectFleet;
beforeAll(async () => {
  fleet = await ProjectFleet.start();
});
afterAll(async () => {
  await fleet?.stop();
});

const annotated = (key: string, value: string | null) => ({ metadata: { annotations: { [key]: value } } });
const reasons = async (project: ProjectUnderTest) =>
  ((await project.read()).status?.shared?.conflicts ?? []).map(({ name, reason }) => `${name} ${reason}`);

describe('a selector beyond its bounds', () => {
  test('on many objects of many requirements is named, shortened; nothing of them is copied, the rest proceeds', async () => {
    const project = await fleet.project('bounds-selectors');
    await project.members(['bounds-selectors-1']);
    const hostile = aConfigMap('hostile').forNamespaces('!a,'.repeat(53_000)).shared();
    await inBatches(
      Array.from({ length: 60 }, (_, index) => index),
      async index => {
        const object = hostile.build(project.home);
        const metadata = { ...object.metadata, name: `hostile-${index}` };
        await fleet.hub.create(ContentTypes.ConfigMap, { namespace: project.home }, { ...object, metadata });
      },
    );

    await project.settle(['bounds-selectors-1'], aSecret('marker'));

    const { message } = await project.condition('SharedReady', 'False', 'InvalidSelector');
    expect(message).toContain(`ConfigMap ${project.home}/hostile-0: annotation ${ANNOTATION_NAMESPACES}: `);
    expect(message).toContain('must have at most 4096 bytes');
    expect(message.length).toBeLessThan(1_001);
    await project.status(status => expect(status.shared).toMatchObject({ objects: 61, copies: 1, pending: 0 }));
  });

  test.each([
    ['65 requirements', Array.from({ length: 65 }, (_, index) => `!a${index}`).join(), 'at most 64 requirements'],
    ['4,097 bytes', `tier in (${'a,'.repeat(2_043)}gold)`, 'at most 4096 bytes'],
  ])('of %s leaves the copies there, and is obeyed once it is within them', async (what, selector, rule) => {
    const name = `bounds-${what.startsWith('65') ? 'many' : 'long'}`;
    const project = await fleet.project(name);
    await project.members([`${name}-1`]);
    const secret = aSecret('db').forNamespaces('!other');
    await project.share(secret);
    await project.copy(secret, `${name}-1`);

    await project.changeSource(secret, annotated(ANNOTATION_NAMESPACES, selector));
    const { message } = await project.condition('SharedReady', 'False', 'InvalidSelector');
    await project.settle([`${name}-1`], aConfigMap('marker'));

    expect(message).toContain(rule);
    await project.copy(secret, `${name}-1`);
    await project.changeSource(secret, annotated(ANNOTATION_NAMESPACES, 'tier=gold'));
    await project.noCopy(secret, `${name}-1`);
    await project.condition('SharedReady', 'True');
  });
});

describe('what a project shares', () => {
  test('is at most 500 objects, the oldest; those beyond are named, keep their copies, and come when there is room', async () => {
    const project = await fleet.project('bounds-objects');
    await project.members(['bounds-objects-1']);
    await inBatches(
      Array.from({ length: 500 }, (_, index) => `shared-${String(index).padStart(3, '0')}`),
      name => project.share(aConfigMap(name)),
    );
    await project.status(status => expect(status.shared).toMatchObject({ objects: 500, copies: 500, pending: 0 }));

    await project.share(aConfigMap('zz-beyond'));

    const { message } = await project.condition('SharedReady', 'False', 'TooMany');
    expect(message).toContain(`ConfigMap ${project.home}/zz-beyond: a project shares at most 500 objects`);
    await project.status(status => expect(status.shared).toMatchObject({ objects: 501, copies: 500, pending: 0 }));
    expect(await reasons(project)).toEqual(['zz-beyond TooMany']);
    expect(await find(fleet.downstream, aConfigMap('zz-beyond'), 'bounds-objects-1')).toBeUndefined();
    await project.deleteSource(aConfigMap('shared-250'));
    await project.copy(aConfigMap('zz-beyond'), 'bounds-objects-1');
    await project.condition('SharedReady', 'True');
  });

  test('is at most 8 MiB: what grows beyond them keeps its copies, and the smaller proceed', async () => {
    const project = await fleet.project('bounds-bytes');
    await project.members(['bounds-bytes-1']);
    const large = (index: number) => aConfigMap(`large-${index}`).withData({ text: 'x'.repeat(1_000_000) });
    for (const index of [0, 1, 2, 3, 4, 5, 6, 7]) await project.share(large(index));
    const last = aConfigMap('last').withData({ text: 'small' });
    await project.share(last);
    await project.copy(last, 'bounds-bytes-1');

    await project.changeSource(last, { data: { text: 'y'.repeat(900_000) } });

    const { message } = await project.condition('SharedReady', 'False', 'TooMany');
    expect(message).toContain(`ConfigMap ${project.home}/last: a project shares at most 8 MiB`);
    await project.settle(['bounds-bytes-1'], aSecret('marker'));
    await project.copy(last, 'bounds-bytes-1', ({ data }) => data?.text === 'small');
    await project.deleteSource(large(3));
    await project.copy(last, 'bounds-bytes-1', ({ data }) => data?.text?.length === 900_000);
    await project.condition('SharedReady', 'True');
  });
});

describe('the annotation paddock.dev/leave-out', () => {
  const MARKS = {
    'reflector.v1.k8s.emberstack.com/reflection-allowed': 'true',
    'replicator.v1.mittwald.de/replicate-to': '*',
  };

  test('adds to the keys that stay with the source; copies there lose them', async () => {
    const project = await fleet.project('bounds-leave');
    await project.members(['bounds-leave-1']);
    const secret = aSecret('db').withLabels({ team: 'blue', 'spread.example.com/to': 'all' }).withAnnotations(MARKS);
    await project.share(secret);
    const before = await project.copy(secret, 'bounds-leave-1');
    expect(before.metadata?.labels).toMatchObject({ team: 'blue', 'spread.example.com/to': 'all' });
    expect(Object.keys(before.metadata?.annotations ?? {}).filter(key => key in MARKS)).toEqual([]);

    await project.changeSource(secret, annotated(LEAVE_OUT, 'spread.example.com/, paddock'));

    const after = await project.copy(
      secret,
      'bounds-leave-1',
      ({ metadata }) => !metadata?.labels?.['spread.example.com/to'],
    );
    expect(after.metadata?.labels).toMatchObject({ team: 'blue', 'paddock.dev/owner': 'project.bounds-leave' });
    expect(after.metadata?.annotations).not.toHaveProperty([LEAVE_OUT]);
    await project.condition('SharedReady', 'True');
  });

  test('that is wrong is named; copies there stay', async () => {
    const project = await fleet.project('bounds-wrong');
    await project.members(['bounds-wrong-1']);
    const secret = aSecret('db').withAnnotations({ [LEAVE_OUT]: 'example.com/' });
    await project.share(secret);
    const before = await project.copy(secret, 'bounds-wrong-1');

    await project.changeSource(secret, { data: { more: 'bW9yZQ==' }, ...annotated(LEAVE_OUT, 'example.com/,,') });

    const { message } = await project.condition('SharedReady', 'False', 'InvalidLeaveOut');
    expect(message).toContain(`Secret ${project.home}/db: annotation ${LEAVE_OUT}: "example.com/,,"`);
    await project.settle(['bounds-wrong-1'], aConfigMap('marker'));
    const after = await project.copy(secret, 'bounds-wrong-1');
    expect(after.metadata?.resourceVersion).toBe(before.metadata?.resourceVersion);
  });
});

describe('the annotation paddock.dev/quota', () => {
  test.each([
    ['of 240,000 digits', `{"pods":"1${'0'.repeat(240_000)}e0"}`, 'must have at most'],
    ['of 41 digits', `{"pods":"${'1'.repeat(41)}"}`, 'must have at most 40 digits'],
    ['of 100,000 levels', `${'{"a":'.repeat(30_000)}1${'}'.repeat(30_000)}`, 'must have at most'],
    ['that says a key twice', '{"pods":"1","pods":"2"}', 'key "pods" must not be there twice'],
  ])('%s is named; the namespace keeps its share', async (what, annotation, rule) => {
    const name = `bounds-quota-${what.replace(/[^a-z0-9]+/g, '-')}`.slice(0, 30).replace(/-$/, '');
    const project = await fleet.project(name, {
      resourceQuota: { hard: { pods: '10' }, namespaceDefault: { pods: '3' } },
    });
    await project.members([`${name}-1`]);
    const hard = async () =>
      (await fleet.downstream.find(Quotas, { namespace: `${name}-1`, name: 'paddock' }))?.spec.hard;
    await eventuallyPasses(async () => expect(await hard()).toEqual({ pods: '3' }), {
      timeoutMs: WITHIN_MS,
      what: 'a share',
    });

    await fleet.downstream.mergePatch(Namespaces, { name: `${name}-1` }, annotated(ANNOTATION_QUOTA, annotation));

    const { message } = await project.condition('QuotaReady', 'False', 'InvalidOverride');
    expect(message).toContain(`namespace ${name}-1 keeps its share: annotation ${ANNOTATION_QUOTA}: `);
    expect(message).toContain(rule);
    expect(message.length).toBeLessThan(1_001);
    expect(await hard()).toEqual({ pods: '3' });
  });

  test('is capped as Kubernetes caps a quantity', async () => {
    const project = await fleet.project('bounds-cap', {
      resourceQuota: { hard: { 'requests.cpu': '9223372036854775807' }, namespaceDefault: { 'requests.cpu': '3' } },
    });
    await project.members(['bounds-cap-1']);
    await fleet.downstream.mergePatch(
      Namespaces,
      { name: 'bounds-cap-1' },
      annotated(ANNOTATION_QUOTA, '{"requests.cpu":"1e900"}'),
    );
    await project.status(({ quota }) =>
      expect(quota?.namespaces).toEqual({ 'bounds-cap-1': { 'requests.cpu': '9223372036854775807' } }),
    );
    await project.condition('QuotaReady', 'True');
  });
});
