import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ANNOTATION_HUB, ANNOTATION_OWNER_UID, LABEL_CLUSTER, LABEL_MANAGED_BY, LABEL_OWNER } from '#api';
import { edit, find } from '../support/cluster-objects.ts';
import {
  aConfigMap,
  aSecret,
  base64,
  type ContentBuilder,
  type ContentObject,
  ContentTypes,
} from '../support/objects.ts';
import { ProjectFleet } from '../support/project-fleet.ts';

let fleet: ProjectFleet;
beforeAll(async () => {
  fleet = await ProjectFleet.start();
});
afterAll(async () => {
  await fleet?.stop();
});

/** A project with one member in which the object has arrived. */
async function given(name: string, object: ContentBuilder) {
  const project = await fleet.project(name);
  const member = `${name}-1`;
  await project.members([member]);
  await project.share(object);
  return { project, member, copy: await project.copy(object, member) };
}

/** What a copy says, without what the server keeps about it. */
function content({ data, binaryData, type, immutable, metadata }: ContentObject) {
  return { data, binaryData, type, immutable, labels: metadata?.labels, annotations: metadata?.annotations };
}

describe('a copy that somebody', () => {
  test.each([
    ['edited is restored: data', { data: { password: base64('hacked') } }],
    ['edited is restored: a key more', { data: { more: base64('x') } }],
    ['edited is restored: no data', { data: null }],
    ['edited is restored: a label', { metadata: { labels: { team: 'red' } } }],
    ['edited is restored: a label more', { metadata: { labels: { more: 'x' } } }],
    ['edited is restored: a label less', { metadata: { labels: { team: null } } }],
    ['edited is restored: an annotation', { metadata: { annotations: { 'example.com/note': 'y' } } }],
    ['edited is restored: an annotation more', { metadata: { annotations: { more: 'x' } } }],
    ['edited is restored: all annotations', { metadata: { annotations: null } }],
    ['stripped of the owner label is restored', { metadata: { labels: { [LABEL_OWNER]: null } } }],
    ['stripped of all labels is restored', { metadata: { labels: null } }],
    ['stripped of the owner’s uid is restored', { metadata: { annotations: { [ANNOTATION_OWNER_UID]: null } } }],
    ['stripped of the hub’s uid is restored', { metadata: { annotations: { [ANNOTATION_HUB]: null } } }],
    [
      'stripped of managed-by and cluster is restored',
      { metadata: { labels: { [LABEL_MANAGED_BY]: null, [LABEL_CLUSTER]: null } } },
    ],
    ['gave to another owner is restored', { metadata: { labels: { [LABEL_OWNER]: 'project.other' } } }],
    ['gave to an owner of another kind is restored', { metadata: { labels: { [LABEL_OWNER]: 'RoleTemplate.x' } } }],
    ['gave to another uid is restored', { metadata: { annotations: { [ANNOTATION_OWNER_UID]: 'x' } } }],
    ['made immutable is restored', { immutable: true }],
    ['made immutable and edited is restored', { immutable: true, data: { password: base64('hacked') } }],
  ])('%s', async (what, patch) => {
    const name = `drift-${Buffer.from(what).reduce((sum, byte) => (sum * 31 + byte) % 1_000_000_007, 7)}`;
    const secret = aSecret('db').withLabels({ team: 'blue' }).withAnnotations({ 'example.com/note': 'x' });
    const { project, member, copy } = await given(name, secret);

    const edited = await edit(fleet.downstream, secret, member, patch);

    expect(content(edited)).not.toEqual(content(copy));
    const restored = await project.copy(
      secret,
      member,
      now => JSON.stringify(sorted(content(now))) === JSON.stringify(sorted(content(copy))),
    );
    expect(content(restored)).toEqual(content(copy));
    await project.condition('SharedReady', 'True');
  });

  test('deleted is made again', async () => {
    const secret = aSecret('deleted');
    const { project, member, copy } = await given('drift-deleted', secret);

    await fleet.downstream.delete(ContentTypes.Secret, { namespace: member, name: 'deleted' });

    const again = await project.copy(secret, member, ({ metadata }) => metadata?.uid !== copy.metadata?.uid);
    expect(content(again)).toEqual(content(copy));
  });

  test('edited while the operator was down is restored', async () => {
    const configMap = aConfigMap('offline');
    const { project, member } = await given('drift-offline', configMap);

    await fleet.whileDown(async () => {
      await edit(fleet.downstream, configMap, member, { data: { color: 'hacked', more: 'x' } });
    });

    const copy = await project.copy(configMap, member, ({ data }) => data?.color === 'blue');
    expect(copy.data).toEqual({ color: 'blue' });
  });

  test('stripped of its owner label while the operator was down is restored', async () => {
    const secret = aSecret('stripped');
    const { project, member, copy } = await given('drift-stripped', secret);

    await fleet.whileDown(async () => {
      await edit(fleet.downstream, secret, member, { metadata: { labels: null } });
    });

    await project.copy(secret, member, ({ metadata }) => metadata?.labels?.[LABEL_OWNER] !== undefined);
    expect((await project.copy(secret, member)).metadata?.uid).toBe(copy.metadata?.uid);
  });

  test('holds by a finalizer and owner of its own keeps both when it is patched', async () => {
    const secret = aSecret('held');
    const { project, member, copy } = await given('drift-held', secret);
    const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'kube-root-ca.crt', uid: await rootCaUid(member) };
    await edit(fleet.downstream, secret, member, {
      metadata: { finalizers: ['example.com/hold'], ownerReferences: [owner] },
    });

    await project.changeSource(secret, { data: { password: base64('new') }, metadata: { labels: { team: 'blue' } } });

    const after = await project.copy(secret, member, ({ data }) => data?.password === base64('new'));
    expect(after.metadata).toMatchObject({
      uid: copy.metadata?.uid,
      finalizers: ['example.com/hold'],
      ownerReferences: [{ name: 'kube-root-ca.crt' }],
      labels: { team: 'blue' },
    });
    await edit(fleet.downstream, secret, member, { metadata: { finalizers: null } });
  });
});

test('a copy stripped of both marks is foreign: named and left alone', async () => {
  const secret = aSecret('disowned');
  const { project, member } = await given('drift-disowned', secret);

  const disowned = await edit(fleet.downstream, secret, member, {
    metadata: { labels: { [LABEL_OWNER]: null }, annotations: { [ANNOTATION_OWNER_UID]: null } },
  });

  await project.condition('SharedReady', 'False', 'Conflict');
  await project.changeSource(secret, { data: { password: base64('new') } });
  await project.settle([member], aConfigMap('marker'));
  expect(await find(fleet.downstream, secret, member)).toEqual(disowned);
});

async function rootCaUid(namespace: string): Promise<string> {
  const project = fleet.named('any');
  return (await project.copy(aConfigMap('kube-root-ca.crt'), namespace)).metadata?.uid ?? '';
}

/** The same value with its keys in order, so that equal contents have equal JSON. */
function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, part]) => [key, sorted(part)]),
  );
}
