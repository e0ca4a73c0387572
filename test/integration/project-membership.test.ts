import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { LABEL_PROJECT } from '#api';
import { Events, type KubeObject, Namespaces, type ResourceType } from '#runtime';
import { find, namespaceGone, namespaceThat, WITHIN_MS } from '../support/cluster-objects.ts';
import { eventuallyPasses } from '../support/eventually.ts';
import { aConfigMap, aNamespace, aSecret, base64, type ContentBuilder, ContentTypes } from '../support/objects.ts';
import { ProjectFleet } from '../support/project-fleet.ts';
import type { ProjectUnderTest } from '../support/project-under-test.ts';

const EventType: ResourceType<
  KubeObject & { readonly note?: string; readonly regarding?: { readonly name?: string } }
> = Events;

let fleet: ProjectFleet;
beforeAll(async () => {
  fleet = await ProjectFleet.start();
});
afterAll(async () => {
  await fleet?.stop();
});

const label = (namespace: string, project: string | null) =>
  fleet.downstream.mergePatch(Namespaces, { name: namespace }, { metadata: { labels: { [LABEL_PROJECT]: project } } });

/** Names of everything in the namespace that carries a mark of ours. */
async function marked(namespace: string): Promise<string[]> {
  const lists = await Promise.all(
    Object.values(ContentTypes).map(type =>
      fleet.downstream.list(type, { namespace, labelSelector: 'paddock.dev/owner' }),
    ),
  );
  return lists.flatMap(({ items }) => items.map(({ metadata }) => metadata?.name ?? '')).sort();
}

async function share(project: ProjectUnderTest, ...objects: ContentBuilder[]) {
  await project.share(...objects);
  return project;
}

describe('a namespace', () => {
  test('that exists joins when it is labelled, and is told of', async () => {
    const secret = aSecret('db');
    const project = await share(await fleet.project('attach'), secret);
    await fleet.downstream.create(Namespaces, {}, aNamespace('attach-1'));

    await label('attach-1', 'attach');

    await project.copy(secret, 'attach-1');
    await project.status(status => expect(status.namespaces).toEqual({ total: 1, names: ['attach-1'] }));
    await project.event('NamespaceAttached', 'attach-1');
  });

  test('that leaves keeps what is its own and nothing of ours', async () => {
    const project = await share(
      await fleet.project('detach', {
        namespaceLabels: { team: 'blue' },
        namespaceAnnotations: { 'example.com/owner': 'blue' },
      }),
      aSecret('db'),
      aConfigMap('colors'),
    );
    await fleet.downstream.create(Namespaces, {}, aNamespace('detach-1', { labels: { own: 'label' } }));
    await fleet.downstream.create(ContentTypes.Secret, { namespace: 'detach-1' }, aSecret('own').build('detach-1'));
    const before = await fleet.downstream.get(Namespaces, { name: 'detach-1' });
    await project.attach('detach-1');
    await Promise.all([project.copy(aSecret('db'), 'detach-1'), project.copy(aConfigMap('colors'), 'detach-1')]);
    await namespaceThat(fleet.downstream, 'detach-1', ({ metadata }) => expect(metadata?.labels?.team).toBe('blue'));

    await label('detach-1', null);

    await Promise.all([project.noCopy(aSecret('db'), 'detach-1'), project.noCopy(aConfigMap('colors'), 'detach-1')]);
    await namespaceThat(fleet.downstream, 'detach-1', ({ metadata }) => {
      expect(metadata?.labels).toEqual(before.metadata?.labels);
      expect(metadata?.annotations ?? {}).toEqual(before.metadata?.annotations ?? {});
      expect(metadata?.managedFields?.map(({ manager }) => manager)).not.toContain('paddock-project');
    });
    expect(await find(fleet.downstream, aSecret('own'), 'detach-1')).toBeDefined();
    await project.status(status => expect(status.namespaces).toEqual({ total: 0, names: [] }));
    await project.event('NamespaceDetached', 'detach-1');
  });

  test('that leaves while the operator is down is freed when it is back', async () => {
    const secret = aSecret('db');
    const project = await share(await fleet.project('detach-down', { namespaceLabels: { team: 'blue' } }), secret);
    await project.members(['detach-down-1']);
    await project.copy(secret, 'detach-down-1');

    await fleet.whileDown(async () => {
      await label('detach-down-1', null);
    });

    await project.noCopy(secret, 'detach-down-1');
    await namespaceThat(fleet.downstream, 'detach-down-1', ({ metadata }) =>
      expect(metadata?.labels).not.toHaveProperty('team'),
    );
  });

  test('that moves has what the new project gives, and nothing of the old', async () => {
    const [db, gone, come] = [aSecret('db'), aSecret('gone'), aSecret('come')];
    const from = await share(
      await fleet.project('move-from', { namespaceLabels: { team: 'blue', old: 'x' } }),
      db.withData({ from: 'old', only: 'old' }),
      gone,
      aConfigMap('frozen').thatIsImmutable(),
    );
    const to = await share(
      await fleet.project('move-to', { namespaceLabels: { team: 'red' } }),
      db.withData({ from: 'new' }),
      come,
      aConfigMap('frozen').withData({ color: 'red' }),
    );
    await from.members(['move-1']);
    await Promise.all([from.copy(db, 'move-1'), from.copy(gone, 'move-1')]);
    const { metadata: owner } = await to.read();

    await to.attach('move-1');

    const copy = await to.copy(db, 'move-1', ({ data }) => data?.from === base64('new'));
    expect(copy.data).toEqual({ from: base64('new') });
    expect(copy.metadata).toMatchObject({
      labels: { 'paddock.dev/owner': 'project.move-to' },
      annotations: { 'paddock.dev/owner-uid': owner.uid },
    });
    await Promise.all([to.noCopy(gone, 'move-1'), to.copy(come, 'move-1')]);
    await to.copy(aConfigMap('frozen'), 'move-1', ({ data }) => data?.color === 'red');
    expect(await marked('move-1')).toEqual(['come', 'db', 'frozen']);
    await namespaceThat(fleet.downstream, 'move-1', ({ metadata }) => {
      expect(metadata?.labels).toMatchObject({ team: 'red' });
      expect(metadata?.labels).not.toHaveProperty('old');
    });
    await from.status(status => expect(status).toMatchObject({ namespaces: { total: 0 }, shared: { copies: 0 } }));
    await to.status(status => expect(status).toMatchObject({ namespaces: { total: 1 }, shared: { copies: 3 } }));
    await Promise.all([from.event('NamespaceDetached', 'move-1'), to.event('NamespaceAttached', 'move-1')]);
  });

  test('that names a project which does not exist yet says so, and is served once it does', async () => {
    const project = fleet.named('unborn');
    await project.members(['unborn-1']);
    const notes = async () => {
      const { items } = await fleet.downstream.list(EventType, { namespace: 'default' });
      return items.filter(({ regarding }) => regarding?.name === 'unborn-1').map(({ note }) => note);
    };
    await eventuallyPasses(
      async () =>
        expect(await notes()).toEqual([
          'label paddock.dev/project "unborn" must name a Project: create Project "unborn" in namespace c-edge-1 of the hub, or change the label; until then the namespace is in no project',
        ]),
      { timeoutMs: WITHIN_MS, what: 'an event on the namespace says that its project does not exist' },
    );

    await share(await fleet.project('unborn', { namespaceLabels: { team: 'blue' } }), aSecret('db'));

    await project.copy(aSecret('db'), 'unborn-1');
    await namespaceThat(fleet.downstream, 'unborn-1', ({ metadata }) => expect(metadata?.labels?.team).toBe('blue'));
  });

  test('that moves to a project which does not exist keeps nothing of the old one', async () => {
    const secret = aSecret('db');
    const project = await share(await fleet.project('left'), secret);
    await project.members(['left-1']);
    await project.copy(secret, 'left-1');

    await label('left-1', 'nowhere');

    await project.noCopy(secret, 'left-1');
    await project.delete();
    await project.gone();
  });

  test('that moves to a paused project keeps nothing of the old one', async () => {
    const secret = aSecret('db');
    const project = await share(await fleet.project('leaves'), secret);
    const paused = await share(await fleet.project('paused'), aSecret('other'));
    await paused.change({ metadata: { annotations: { 'paddock.dev/paused': 'true' } } });
    await paused.condition('Paused', 'True');
    await project.members(['leaves-1']);
    await project.copy(secret, 'leaves-1');

    await paused.attach('leaves-1');

    await project.noCopy(secret, 'leaves-1');
    expect(await marked('leaves-1')).toEqual([]);
  });

  test('that is Terminating is skipped and counted nowhere', async () => {
    const [early, late] = [aSecret('early'), aSecret('late')];
    const project = await share(await fleet.project('ending'), early);
    const [ending, staying] = ['ending-1', 'ending-2'];
    await project.members([ending, staying]);
    await Promise.all([project.copy(early, ending), project.copy(early, staying)]);
    const held = { metadata: { finalizers: ['example.com/hold'] } };
    const own = aConfigMap('held');
    await fleet.downstream.create(ContentTypes.ConfigMap, { namespace: ending }, own.build(ending));
    await fleet.downstream.mergePatch(ContentTypes.ConfigMap, { namespace: ending, name: own.name }, held);

    await fleet.downstream.delete(Namespaces, { name: ending });
    // each watch has a socket of its own: what is shared now could be seen before
    await project.status(status => expect(status.namespaces).toEqual({ total: 1, names: [staying] }));
    await project.share(late);
    await project.copy(late, staying);

    await project.status(status => {
      expect(status.namespaces).toEqual({ total: 1, names: [staying] });
      expect(status.shared).toEqual({ objects: 2, copies: 2, pending: 0, conflicts: [] });
    });
    await project.condition('Ready', 'True');
    expect(fleet.writesTo([ending]).map(({ method, status }) => `${method} ${status}`)).toEqual(['POST 201']);
    const letGo = { metadata: { finalizers: null } };
    await fleet.downstream.mergePatch(ContentTypes.ConfigMap, { namespace: ending, name: own.name }, letGo);
    await namespaceGone(fleet.downstream, ending);
    await project.members([ending]);
    await Promise.all([project.copy(early, ending), project.copy(late, ending)]);
  });

  test.each(['c-somebody', 'p-somebody', 'p-edge-1--reserved', 'paddock-tools', 'paddock-users'])(
    'named %s is never a member: it can not be labelled, by administrators neither',
    async name => {
      const key = `not-${name.replaceAll('--', '-')}`;
      const project = await fleet.project(key, { namespaceLabels: { team: 'blue' } });
      await expect(project.members([name])).rejects.toThrow(/reserved for Paddock/);
      if (!(await fleet.downstream.find(Namespaces, { name })))
        await fleet.downstream.create(Namespaces, {}, { metadata: { name } });
      await expect(label(name, key)).rejects.toThrow(/reserved for Paddock/);
      await project.members([`member-of-${key}`]);

      await project.settle([`member-of-${key}`], aSecret('db'));

      await project.status(status => expect(status.namespaces).toMatchObject({ total: 1 }));
      const { metadata } = await fleet.downstream.get(Namespaces, { name });
      expect(metadata?.labels).not.toHaveProperty('team');
    },
  );
});
