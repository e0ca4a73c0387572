import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Namespaces } from '#runtime';
import { namespaceThat } from '../support/cluster-objects.ts';
import { aConfigMap, aNamespace } from '../support/objects.ts';
import { ProjectFleet } from '../support/project-fleet.ts';

let fleet: ProjectFleet;
beforeAll(async () => {
  fleet = await ProjectFleet.start();
});
afterAll(async () => {
  await fleet?.stop();
});

type Fields = Record<string, string>;
type Edit = Record<string, string | null>;

/** Waits until the namespace has these labels and annotations, `undefined` meaning none. */
async function carries(
  namespace: string,
  wanted: { labels?: Record<string, string | undefined>; annotations?: Record<string, string | undefined> },
): Promise<void> {
  await namespaceThat(fleet.downstream, namespace, ({ metadata }) => {
    for (const [key, value] of Object.entries(wanted.labels ?? {})) expect(metadata?.labels?.[key]).toBe(value);
    for (const [key, value] of Object.entries(wanted.annotations ?? {}))
      expect(metadata?.annotations?.[key]).toBe(value);
  });
}

const edit = (namespace: string, metadata: { labels?: Edit; annotations?: Edit }) =>
  fleet.downstream.mergePatch(Namespaces, { name: namespace }, { metadata });

/** A project with these labels and annotations and one member that has them. */
async function given(name: string, labels: Fields, annotations: Fields = {}) {
  const project = await fleet.project(name, { namespaceLabels: labels, namespaceAnnotations: annotations });
  const member = `${name}-1`;
  await project.members([member]);
  await carries(member, { labels, annotations });
  return { project, member };
}

describe('namespaceLabels and namespaceAnnotations', () => {
  test('are put on members, present and future', async () => {
    const { project, member } = await given('put', { team: 'blue' }, { 'example.com/owner': 'b' });
    await project.members(['put-2']);

    for (const name of [member, 'put-2'])
      await carries(name, { labels: { team: 'blue' }, annotations: { 'example.com/owner': 'b' } });
    await project.condition('PolicyReady', 'True', 'Applied');
  });

  test('follow the spec, added, changed and removed', async () => {
    const { project, member } = await given('follow', { a: '1', b: '1' }, { 'example.com/a': '1' });

    await project.change({
      spec: { namespaceLabels: { a: '2', b: null, c: '3' }, namespaceAnnotations: { 'example.com/a': null } },
    });

    await carries(member, {
      labels: { a: '2', b: undefined, c: '3', 'paddock.dev/project': 'follow' },
      annotations: { 'example.com/a': undefined },
    });
    await project.change({ spec: { namespaceLabels: null } });
    await carries(member, { labels: { a: undefined, c: undefined } });
    await project.condition('PolicyReady', 'True');
  });

  test('win over what was there, and go when they are taken out', async () => {
    const project = await fleet.project('win', { namespaceLabels: { team: 'blue' } });
    const own = { team: 'red', own: 'label' };
    await fleet.downstream.create(Namespaces, {}, aNamespace('win-1', { project: 'win', labels: own }));
    await carries('win-1', { labels: { team: 'blue', own: 'label' } });

    await project.change({ spec: { namespaceLabels: null } });

    await carries('win-1', { labels: { team: undefined, own: 'label' } });
  });

  test.each([
    ['changed', { labels: { team: 'red' }, annotations: { 'example.com/owner': 'x' } }],
    ['removed', { labels: { team: null }, annotations: { 'example.com/owner': null } }],
  ])('%s by somebody are restored', async (what, metadata) => {
    const { member } = await given(`restored-${what}`, { team: 'blue' }, { 'example.com/owner': 'b' });

    const edited = await edit(member, metadata);

    expect(edited.metadata?.labels?.team).not.toBe('blue');
    await carries(member, { labels: { team: 'blue' }, annotations: { 'example.com/owner': 'b' } });
  });

  test('changed while the operator is down are restored', async () => {
    const { member } = await given('restored-later', { team: 'blue' });

    await fleet.whileDown(async () => {
      await edit(member, { labels: { team: 'red' } });
    });

    await carries(member, { labels: { team: 'blue' } });
  });

  test('leave other labels and annotations of the namespace alone', async () => {
    const { project, member } = await given('alone', { team: 'blue' });
    await edit(member, { labels: { own: 'x' }, annotations: { own: 'y' } });

    await project.change({ spec: { namespaceLabels: { team: 'green' } } });

    await carries(member, { labels: { team: 'green', own: 'x' }, annotations: { own: 'y' } });
  });

  test('cost one write a namespace for a change, and none while nothing changes', async () => {
    const { project, member } = await given('cheap', { team: 'blue' });
    const path = `/api/v1/namespaces/${member}`;
    /** Patches of the namespace until a ConfigMap that was shared after them has arrived: their answers came before. */
    const patches = async (marker: string) => {
      await project.settle([member], aConfigMap(marker));
      return fleet.writes.filter(write => write.path === path).length;
    };
    expect(await patches('first')).toBe(1);

    await project.change({ spec: { description: 'nothing that a namespace has' } });
    expect(await patches('second')).toBe(1);
    await project.change({ spec: { namespaceLabels: { team: 'green', more: 'x' } } });
    await carries(member, { labels: { team: 'green', more: 'x' } });

    expect(await patches('third')).toBe(2);
  });
});
