import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ANNOTATION_PAUSED, LABEL_CLUSTER, LABEL_PROJECT_HOME, ProjectResource } from '#api';
import { findCondition, type KubeObject, Namespaces, type ResourceType } from '#runtime';
import { ResourceQuotas } from '../../operators/engagement/policy-kinds.ts';
import { edit, find, namespaceThat, WITHIN_MS } from '../support/cluster-objects.ts';
import { eventually, eventuallyPasses } from '../support/eventually.ts';
import { aConfigMap, aNamespace, aProject, aProjectHome, aSecret, base64, ContentTypes } from '../support/objects.ts';
import { ProjectFleet } from '../support/project-fleet.ts';

let fleet: ProjectFleet;
beforeAll(async () => {
  fleet = await ProjectFleet.start();
});
afterAll(async () => {
  await fleet?.stop();
});

const homeLabels = (project: string) => ({ [LABEL_CLUSTER]: 'edge-1', [LABEL_PROJECT_HOME]: project });

describe('the project’s namespace in the hub', () => {
  test('is made with its labels and our marks', async () => {
    const project = await fleet.project('fresh');

    const [{ metadata: owner }, hub, { metadata }] = await Promise.all([
      project.read(),
      fleet.hub.get(Namespaces, { name: 'kube-system' }),
      fleet.hub.get(Namespaces, { name: 'p-edge-1--fresh' }),
    ]);
    expect(metadata?.labels).toMatchObject({
      ...homeLabels('fresh'),
      'app.kubernetes.io/managed-by': 'paddock',
      'paddock.dev/owner': 'project.fresh',
      'paddock.dev/plane': 'hub',
    });
    expect(metadata?.annotations).toEqual({
      'paddock.dev/owner-uid': owner.uid,
      'paddock.dev/hub': hub.metadata?.uid,
    });
    expect(owner.finalizers).toEqual(['paddock.dev/project']);
    await project.status(status => expect(status.namespace).toBe('p-edge-1--fresh'));
  });

  test('prepared with its labels is adopted, with what it holds', async () => {
    const secret = aSecret('early');
    const labels = { ...homeLabels('prepared'), own: 'label' };
    await fleet.hub.create(Namespaces, {}, aProjectHome('edge-1', 'prepared', labels));
    await fleet.downstream.create(Namespaces, {}, aNamespace('prepared-1', { project: 'prepared' }));
    await fleet.named('prepared').share(secret);

    const project = await fleet.project('prepared');

    await project.copy(secret, 'prepared-1');
    await namespaceThat(fleet.hub, project.home, ({ metadata }) => {
      expect(metadata?.labels).toMatchObject({ ...labels, 'paddock.dev/owner': 'project.prepared' });
      expect(metadata?.annotations).toHaveProperty(['paddock.dev/owner-uid']);
    });
  });

  test.each([
    ['no labels', 'stranger', {}],
    ['the labels of another project', 'mistaken', homeLabels('another')],
    ['those of another cluster', 'astray', { ...homeLabels('astray'), [LABEL_CLUSTER]: 'edge-2' }],
  ])('with %s is somebody else’s until it is labelled', async (_what, name, labels) => {
    const secret = aSecret('theirs');
    await fleet.hub.create(Namespaces, {}, aProjectHome('edge-1', name, labels));
    const project = fleet.named(name);
    await project.share(secret);
    await project.members([`${name}-1`]);

    await fleet.create(project);

    const stalled = await project.condition('Stalled', 'True', 'NamespaceConflict');
    expect(stalled.message).toContain(project.home);
    await project.condition('Ready', 'False', 'NamespaceConflict');
    expect(await find(fleet.downstream, secret, `${name}-1`)).toBeUndefined();
    await fleet.hub.mergePatch(Namespaces, { name: project.home }, { metadata: { labels: homeLabels(name) } });
    await project.copy(secret, `${name}-1`);
    await project.condition('Ready', 'True');
    expect(findCondition((await project.read()).status?.conditions, 'Stalled')).toBeUndefined();
  });

  test('whose marks are edited gets them back', async () => {
    const project = await fleet.project('scratched');

    await fleet.hub.mergePatch(
      Namespaces,
      { name: project.home },
      { metadata: { labels: { 'paddock.dev/plane': null, own: 'x' }, annotations: { 'paddock.dev/owner-uid': 'x' } } },
    );

    const { metadata: owner } = await project.read();
    await namespaceThat(fleet.hub, project.home, ({ metadata }) => {
      expect(metadata?.labels).toMatchObject({ 'paddock.dev/plane': 'hub', own: 'x' });
      expect(metadata?.annotations).toMatchObject({ 'paddock.dev/owner-uid': owner.uid });
    });
  });

  test('deleted all the same is made again; no copy goes while it is on its way out', async () => {
    const [secret, holder] = [aSecret('db'), aConfigMap('holder')];
    const project = await fleet.project('lost');
    await project.members(['lost-1']);
    await project.share(secret);
    await project.copy(secret, 'lost-1');
    const before = await fleet.hub.get(Namespaces, { name: project.home });
    await fleet.hub.create(ContentTypes.ConfigMap, { namespace: project.home }, holder.build(project.home));
    await edit(fleet.hub, holder, project.home, { metadata: { finalizers: ['example.com/hold'] } });

    await fleet.fleet.deleteHubNamespace(project.home);
    await project.condition('Ready', 'False', 'NamespacePending');
    await eventually(async () => !(await find(fleet.hub, secret, project.home)), {
      timeoutMs: WITHIN_MS,
      what: 'the source is gone with its namespace',
    });
    // a change for which the member must be looked at, now that there is no source
    await project.change({ spec: { namespaceLabels: { looked: 'at' } } });
    await namespaceThat(fleet.downstream, 'lost-1', ({ metadata }) => expect(metadata?.labels?.looked).toBe('at'));
    await project.copy(secret, 'lost-1');
    await edit(fleet.hub, holder, project.home, { metadata: { finalizers: null } });

    await namespaceThat(fleet.hub, project.home, ({ metadata }) => {
      expect(metadata?.uid).not.toBe(before.metadata?.uid);
      expect(metadata?.labels).toMatchObject(homeLabels('lost'));
    });
    await project.condition('Ready', 'True');
    await project.share(secret.withData({ password: 'again' }));
    await project.copy(secret, 'lost-1', ({ data }) => data?.password === base64('again'));
  });
});

describe('what a namespace in the hub holds', () => {
  interface Quota extends KubeObject {
    readonly spec?: { readonly hard?: Readonly<Record<string, string>> };
  }
  const Quotas = ResourceQuotas as ResourceType<Quota>;
  const quotaIn = async (namespace: string, check: (quota: Quota) => void) =>
    await eventuallyPasses(async () => check(await fleet.hub.get(Quotas, { namespace, name: 'paddock' })), {
      timeoutMs: WITHIN_MS,
      what: `the quota of ${namespace} is right`,
    });

  test('is bounded by a quota, which is put right when it is edited or deleted', async () => {
    const { home } = await fleet.project('bounded');
    const bounds = { 'count/configmaps': '1k', 'count/secrets': '1k' };
    await quotaIn(home, ({ metadata, spec }) => {
      expect(spec?.hard).toEqual(bounds);
      expect(metadata?.labels).toMatchObject({
        'app.kubernetes.io/managed-by': 'paddock',
        'paddock.dev/owner': 'project.bounded',
        'paddock.dev/plane': 'hub',
      });
    });
    await quotaIn('c-edge-1', ({ spec }) => expect(spec?.hard).toEqual({ 'count/configmaps': '1k' }));
    const key = { namespace: home, name: 'paddock' };

    await fleet.hub.mergePatch(Quotas, key, { spec: { hard: { 'count/secrets': '5', pods: '1' } } });
    await quotaIn(home, ({ spec }) => expect(spec?.hard).toEqual(bounds));
    await fleet.hub.mergePatch(Quotas, key, {
      metadata: { labels: { 'paddock.dev/plane': null } },
      spec: { hard: null },
    });
    await quotaIn(home, ({ spec }) => expect(spec?.hard).toEqual(bounds));
    await fleet.hub.delete(Quotas, key);
    await quotaIn(home, ({ spec }) => expect(spec?.hard).toEqual(bounds));
  });

  test('is left to one of the name that is somebody else’s', async () => {
    const home = 'p-edge-1--theirs';
    await fleet.hub.create(Namespaces, {}, aProjectHome('edge-1', 'theirs', homeLabels('theirs')));
    const theirs = { metadata: { name: 'paddock' }, spec: { hard: { pods: '7' } } };
    await fleet.hub.create(Quotas, { namespace: home }, theirs);

    const project = await fleet.project('theirs');
    await project.members(['theirs-1']);
    await project.share(aSecret('db'));
    await project.copy(aSecret('db'), 'theirs-1');

    expect((await fleet.hub.get(Quotas, { namespace: home, name: 'paddock' })).spec?.hard).toEqual({ pods: '7' });
  });
});

describe('a paused project', () => {
  const paused = (value: string | null) => ({ metadata: { annotations: { [ANNOTATION_PAUSED]: value } } });

  test('writes nothing but the condition Paused, and goes on when it is unpaused', async () => {
    const [db, late] = [aSecret('db'), aSecret('late')];
    const project = await fleet.project('paused');
    const other = await fleet.project('unpaused');
    await Promise.all([project.members(['paused-1']), other.members(['unpaused-1'])]);
    await project.share(db);
    await project.copy(db, 'paused-1');

    await project.change(paused('true'));
    await project.condition('Paused', 'True');
    const written = fleet.writesTo(['paused-1', 'paused-2']).length;
    await project.share(late);
    await project.members(['paused-2']);
    await edit(fleet.downstream, db, 'paused-1', { data: { password: base64('edited') } });
    await project.change({ spec: { namespaceLabels: { team: 'blue' } } });
    await other.settle(['unpaused-1'], aConfigMap('marker'));

    expect(fleet.writesTo(['paused-1', 'paused-2'])).toHaveLength(written);
    const { metadata } = await fleet.downstream.get(Namespaces, { name: 'paused-1' });
    expect(metadata?.labels).not.toHaveProperty('team');
    await project.change(paused(null));
    for (const member of ['paused-1', 'paused-2']) {
      await project.copy(db, member, ({ data }) => data?.password === base64('secret'));
      await project.copy(late, member);
    }
    await project.condition('Ready', 'True');
    expect(findCondition((await project.read()).status?.conditions, 'Paused')).toBeUndefined();
  });

  test('from the start has no namespace until it is unpaused', async () => {
    const name = 'paused-first';
    const project = fleet.named(name);
    const body = aProject({ name, cluster: 'edge-1' });
    body.metadata.annotations = { [ANNOTATION_PAUSED]: 'true' };
    await fleet.hub.create(ProjectResource, project.key, body);

    await project.condition('Paused', 'True');
    expect((await project.read()).metadata.finalizers).toBeUndefined();
    expect(await fleet.hub.find(Namespaces, { name: project.home })).toBeUndefined();
    await project.change(paused(null));

    await project.condition('Ready', 'True');
    await fleet.hub.get(Namespaces, { name: project.home });
  });
});

test('a Project in the namespace of a cluster that does not exist says so, and can be deleted', async () => {
  const project = fleet.named('payments', { cluster: 'nowhere' });
  const { namespace } = project.key;
  await fleet.hub.create(Namespaces, {}, { metadata: { name: namespace, labels: { [LABEL_CLUSTER]: 'nowhere' } } });

  await fleet.create(project);

  const { message } = await project.condition('Ready', 'False', 'ClusterNotFound');
  expect(message).toContain('nowhere');
  await project.delete();
  await project.gone();
});
