import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  ANNOTATION_PROJECT_UID,
  ClusterResource,
  LABEL_CLUSTER,
  LABEL_OWNER,
  LABEL_PROJECT,
  type ProjectSpec,
} from '#api';
import { Namespaces } from '#runtime';
import { edit, find, namespaceGone, namespaceThat } from '../support/cluster-objects.ts';
import { aConfigMap, aNamespace, aSecret, ContentTypes } from '../support/objects.ts';
import { ProjectFleet } from '../support/project-fleet.ts';

let fleet: ProjectFleet;
beforeAll(async () => {
  fleet = await ProjectFleet.start();
});
afterAll(async () => {
  await fleet?.stop();
});

/** A project with two members that have its Secret, its labels, and a ConfigMap of their own. */
async function given(name: string, spec: ProjectSpec = {}) {
  const project = await fleet.project(name, { namespaceLabels: { team: 'blue' }, ...spec });
  const members = [`${name}-1`, `${name}-2`];
  const secret = aSecret('db');
  await project.members(members);
  await project.share(secret);
  for (const member of members) {
    await project.copy(secret, member);
    await fleet.downstream.create(ContentTypes.ConfigMap, { namespace: member }, aConfigMap('own').build(member));
    await namespaceThat(fleet.downstream, member, ({ metadata }) => expect(metadata?.labels?.team).toBe('blue'));
  }
  return { project, members, secret };
}

async function isFree(namespace: string): Promise<void> {
  const { metadata } = await fleet.downstream.get(Namespaces, { name: namespace });
  expect(Object.keys(metadata?.labels ?? {})).not.toContain(LABEL_PROJECT);
  expect(Object.keys(metadata?.labels ?? {})).not.toContain('team');
  expect(metadata?.deletionTimestamp).toBeUndefined();
  expect(await find(fleet.downstream, aSecret('db'), namespace)).toBeUndefined();
}

describe('a deleted project', () => {
  test('that retains detaches its namespaces and leaves them what is theirs', async () => {
    const { project, members } = await given('retain');

    await project.delete();
    await project.gone();

    for (const member of members) {
      await isFree(member);
      expect(await find(fleet.downstream, aConfigMap('own'), member)).toBeDefined();
    }
    await namespaceGone(fleet.hub, project.home);
  });

  test('that deletes takes its namespaces along, but not those of Kubernetes', async () => {
    const { project, members } = await given('delete', { deletionPolicy: 'Delete' });
    await fleet.downstream.create(Namespaces, {}, aNamespace('kube-tools', { project: 'delete' }));
    const protectedOnes = ['default', 'kube-tools'];
    await project.attach('default');
    for (const namespace of protectedOnes) await project.copy(aSecret('db'), namespace);

    await project.delete();
    await project.gone();

    for (const member of members) await namespaceGone(fleet.downstream, member);
    for (const namespace of protectedOnes) await isFree(namespace);
    await namespaceGone(fleet.hub, project.home);
  });

  test('that deletes keeps what was labelled with its name before it, and names it', async () => {
    const [older, moved, made] = ['ghost-1', 'ghost-2', 'ghost-3'];
    await fleet.downstream.create(Namespaces, {}, aNamespace(older, { project: 'ghost' }));
    await fleet.downstream.create(Namespaces, {}, aNamespace(moved, {}));
    const project = await fleet.project('ghost', { deletionPolicy: 'Delete' });
    const { uid } = (await project.read()).metadata;
    await project.attach(moved);
    await project.members([made]);
    for (const member of [moved, made])
      await namespaceThat(fleet.downstream, member, ({ metadata }) =>
        expect(metadata?.annotations?.[ANNOTATION_PROJECT_UID]).toBe(uid),
      );
    expect((await fleet.downstream.get(Namespaces, { name: older })).metadata?.annotations).toBeUndefined();

    await project.delete();
    await project.gone();

    for (const member of [moved, made]) await namespaceGone(fleet.downstream, member);
    await isFree(older);
    expect((await project.event('NamespaceKept', older)).note).toMatch(/in spite of deletionPolicy Delete/);
  });

  test('that deletes takes what it saw joining also when the operator was started anew since', async () => {
    const { project, members } = await given('reborn', { deletionPolicy: 'Delete' });
    await namespaceThat(fleet.downstream, members[0] ?? '', ({ metadata }) =>
      expect(metadata?.annotations).toHaveProperty([ANNOTATION_PROJECT_UID]),
    );

    await fleet.whileDown(() => project.delete());
    await project.gone();

    for (const member of members) await namespaceGone(fleet.downstream, member);
  });

  test('leaves no note of itself on what leaves it', async () => {
    const { members } = await given('noted');
    const [member = ''] = members;
    await fleet.downstream.mergePatch(
      Namespaces,
      { name: member },
      { metadata: { labels: { [LABEL_PROJECT]: null } } },
    );

    await namespaceThat(fleet.downstream, member, ({ metadata }) =>
      expect(metadata?.annotations ?? {}).not.toHaveProperty([ANNOTATION_PROJECT_UID]),
    );
  });

  test('does not wait for a namespace of its own that can not end', async () => {
    const { project, members } = await given('lingers', { deletionPolicy: 'Delete' });
    const [lingering = ''] = members;
    await edit(fleet.downstream, aConfigMap('own'), lingering, { metadata: { finalizers: ['example.com/hold'] } });

    await project.delete();
    await project.gone();

    await namespaceThat(fleet.downstream, lingering, ({ metadata }) =>
      expect(metadata?.deletionTimestamp).toBeDefined(),
    );
    await edit(fleet.downstream, aConfigMap('own'), lingering, { metadata: { finalizers: null } });
    await namespaceGone(fleet.downstream, lingering);
  });

  test('does not wait for, nor take, what others labelled with its name', async () => {
    const { project, members } = await given('lookalike');
    const [member = ''] = members;
    const lookalike = aSecret('theirs').withLabels({ [LABEL_OWNER]: 'project.lookalike' });
    const theirs = await fleet.downstream.create(ContentTypes.Secret, { namespace: member }, lookalike.build(member));

    await project.delete();
    await project.gone();

    expect(await find(fleet.downstream, lookalike, member)).toEqual(theirs);
    await isFree(member);
  });

  test('leaves foreign objects where they conflict', async () => {
    const { project, members } = await given('foreign');
    const [member = ''] = members;
    const own = aConfigMap('own');
    const before = await find(fleet.downstream, own, member);
    await project.share(aConfigMap('own').withData({ color: 'green' }));
    await project.condition('SharedReady', 'False', 'Conflict');

    await project.delete();
    await project.gone();

    expect(await find(fleet.downstream, own, member)).toEqual(before);
  });

  test('deleted while the operator is down is cleaned up when it is back', async () => {
    const { project, members } = await given('later');

    await fleet.whileDown(() => project.delete());

    await project.gone();
    for (const member of members) await isFree(member);
  });

  test('made again under its name starts anew', async () => {
    const { project, members } = await given('again');
    await project.delete();
    await project.gone();

    const second = await fleet.project('again');
    await second.share(aSecret('db'));
    for (const member of members) await second.attach(member);

    const { metadata: owner } = await second.read();
    for (const member of members) {
      const { metadata } = await second.copy(aSecret('db'), member);
      expect(metadata?.annotations).toMatchObject({ 'paddock.dev/owner-uid': owner.uid });
    }
  });
});

describe('while the downstream is down', () => {
  const whileDown = async (work: () => Promise<void>) => {
    await fleet.site.controlPlane.stopApiServer();
    try {
      await work();
    } finally {
      await fleet.site.controlPlane.startApiServer();
    }
  };

  test('a deleted project waits, says so, and goes when it is back', async () => {
    const heartbeat = { interval: '2s', timeout: '4s' };
    await fleet.hub.mergePatch(ClusterResource, { name: 'edge-1' }, { spec: { heartbeat } });
    const { project, members } = await given('waits');

    await whileDown(async () => {
      await project.delete();
      const { message } = await project.condition('Ready', 'False', 'ClusterNotConnected');
      expect(message).toContain('edge-1');
      expect((await project.read()).metadata.finalizers).toEqual(['paddock.dev/project']);
    });

    await fleet.fleet.connected('edge-1');
    await project.gone();
    for (const member of members) await isFree(member);
  });

  test('a deleted project goes once its Cluster is deleted', async () => {
    const { project } = await given('orphaned');

    await whileDown(async () => {
      await project.delete();
      await project.condition('Ready', 'False', 'ClusterNotConnected');
      await fleet.hub.delete(ClusterResource, { name: 'edge-1' });
      await project.gone();
      await namespaceGone(fleet.hub, project.home);
    });
  });
});

test('without its Cluster a project says so, and can be deleted', async () => {
  const labels = { [LABEL_CLUSTER]: 'nowhere' };
  await fleet.hub.create(Namespaces, {}, { metadata: { name: 'c-nowhere', labels } });
  const project = fleet.named('alone', { cluster: 'nowhere' });
  await fleet.create(project);

  await project.condition('Ready', 'False', 'ClusterNotFound');
  await project.delete();

  await project.gone();
});
