import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ProjectResource } from '#api';
import { Namespaces } from '#runtime';
import { find, inBatches } from '../support/cluster-objects.ts';
import { aConfigMap, aSecret, base64 } from '../support/objects.ts';
import { ProjectFleet } from '../support/project-fleet.ts';

let fleet: ProjectFleet;
beforeAll(async () => {
  fleet = await ProjectFleet.start();
});
afterAll(async () => {
  await fleet?.stop();
});

describe('a shared object', () => {
  test('reaches every member namespace, with its content and type', async () => {
    const project = await fleet.project('content');
    await project.members(['content-1', 'content-2']);
    const secret = aSecret('tls').ofType('kubernetes.io/tls').withData({ 'tls.crt': 'a', 'tls.key': 'b' });
    const configMap = aConfigMap('colors').withData({ color: 'red' }).withBinaryData({ logo: '\u0000\u0001' });

    await project.share(secret, configMap);

    for (const namespace of ['content-1', 'content-2']) {
      expect(await project.copy(secret, namespace)).toMatchObject({
        type: 'kubernetes.io/tls',
        data: { 'tls.crt': base64('a'), 'tls.key': base64('b') },
      });
      expect(await project.copy(configMap, namespace)).toMatchObject({
        data: { color: 'red' },
        binaryData: { logo: base64('\u0000\u0001') },
      });
    }
    await project.status(status => {
      expect(status.shared).toEqual({ objects: 2, copies: 4, pending: 0, conflicts: [] });
      expect(status.namespaces).toEqual({ total: 2, names: ['content-1', 'content-2'] });
    });
    await project.condition('SharedReady', 'True', 'InSync');
    await project.condition('Ready', 'True');
  });

  test('carries our marks and its own labels and annotations, without those that stay with the source', async () => {
    const project = await fleet.project('marked');
    await project.members(['marked-1']);
    const source = aSecret('db')
      .withLabels({
        team: 'blue',
        'app.kubernetes.io/name': 'db',
        'app.kubernetes.io/instance': 'release',
        'app.kubernetes.io/managed-by': 'Helm',
        'kustomize.toolkit.fluxcd.io/name': 'apps',
        'argocd.argoproj.io/instance': 'apps',
        'objectset.rio.cattle.io/hash': 'abc',
        'paddock.dev/owner': 'project.somebody-else',
      })
      .withAnnotations({
        'example.com/note': 'rotated monthly',
        'kubectl.kubernetes.io/last-applied-configuration': '{}',
        'argocd.argoproj.io/tracking-id': 'apps:/Secret:x/db',
        'helm.toolkit.fluxcd.io/driftDetection': 'disabled',
        'meta.helm.sh/release-name': 'release',
        'objectset.rio.cattle.io/id': 'x',
        'paddock.dev/namespaces': '',
        'paddock.dev/anything': 'else',
      });

    await project.share(source);

    const [{ metadata: owner }, hub] = await Promise.all([
      project.read(),
      fleet.hub.get(Namespaces, { name: 'kube-system' }),
    ]);
    const { metadata } = await project.copy(source, 'marked-1');
    expect(metadata?.labels).toEqual({
      team: 'blue',
      'app.kubernetes.io/name': 'db',
      'app.kubernetes.io/managed-by': 'paddock',
      'paddock.dev/owner': 'project.marked',
      'paddock.dev/cluster': 'edge-1',
    });
    expect(metadata?.annotations).toEqual({
      'example.com/note': 'rotated monthly',
      'paddock.dev/owner-uid': owner.uid,
      'paddock.dev/hub': hub.metadata?.uid,
    });
    expect(metadata?.managedFields?.map(({ manager }) => manager)).toEqual([fleet.fieldManager]);
  });

  test('reaches a namespace that joins later', async () => {
    const project = await fleet.project('later');
    const secret = aSecret('early');
    await project.share(secret);

    await project.members(['later-1']);

    await project.copy(secret, 'later-1');
  });

  test('reaches no namespace outside of its project', async () => {
    const project = await fleet.project('inside');
    const other = await fleet.project('outside');
    await Promise.all([project.members(['inside-1']), other.members(['outside-1'])]);
    const secret = aSecret('ours-alone');

    await project.share(secret);
    await project.copy(secret, 'inside-1');
    await other.settle(['outside-1'], aConfigMap('marker'));

    expect(await find(fleet.downstream, secret, 'outside-1')).toBeUndefined();
  });

  test('that is not labelled as shared is not copied', async () => {
    const project = await fleet.project('private');
    await project.members(['private-1']);
    await fleet.hub.create(
      { group: '', version: 'v1', kind: 'Secret', plural: 'secrets', namespaced: true },
      { namespace: project.home },
      aSecret('kept').build(project.home),
    );

    await project.settle(['private-1'], aConfigMap('marker'));

    expect(await find(fleet.downstream, aSecret('kept'), 'private-1')).toBeUndefined();
    await project.status(status => expect(status.shared).toMatchObject({ objects: 1, copies: 1 }));
  });

  test('with binary data alone is copied and follows its source', async () => {
    const project = await fleet.project('binary');
    await project.members(['binary-1']);
    const source = aConfigMap('logo').withBinaryData({ png: '\u0000one' });
    const { data: _none, ...body } = source.shared().build(project.home);
    await fleet.hub.create(
      { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true },
      { namespace: project.home },
      body,
    );
    expect(await project.copy(source, 'binary-1')).toMatchObject({ binaryData: { png: base64('\u0000one') } });

    await project.changeSource(source, { binaryData: { png: null, svg: base64('\u0000two') } });

    const copy = await project.copy(source, 'binary-1', ({ binaryData }) => binaryData?.svg !== undefined);
    expect(copy.binaryData).toEqual({ svg: base64('\u0000two') });
    expect(copy.data ?? {}).toEqual({});
  });
});

describe('many projects at once', () => {
  test('twenty of them, made together, each serve their own namespaces', async () => {
    const names = Array.from({ length: 20 }, (_, index) => `crowd-${index + 1}`);

    await inBatches(names, async name => {
      const project = await fleet.project(name);
      await project.members([`${name}-a`, `${name}-b`]);
      await project.share(aSecret('shared').withData({ from: name }), aConfigMap('shared').withData({ from: name }));
    });

    await inBatches(names, async name => {
      const project = fleet.named(name);
      for (const namespace of [`${name}-a`, `${name}-b`]) {
        const secret = await project.copy(aSecret('shared'), namespace);
        expect(secret).toMatchObject({ data: { from: base64(name) } });
        expect(secret.metadata?.labels?.['paddock.dev/owner']).toBe(`project.${name}`);
        expect(await project.copy(aConfigMap('shared'), namespace)).toMatchObject({ data: { from: name } });
      }
      await project.status(status => expect(status.shared).toMatchObject({ objects: 2, copies: 4, pending: 0 }));
    });
    const { items } = await fleet.hub.list(ProjectResource, { namespace: 'c-edge-1' });
    const crowd = items.filter(({ metadata }) => metadata.name?.startsWith('crowd-'));
    expect(crowd.map(({ status }) => status?.namespaces?.total)).toEqual(names.map(() => 2));
  });
});
