import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { LABEL_SHARED } from '#api';
import { edit } from '../support/cluster-objects.ts';
import { aConfigMap, aSecret, base64, type ContentBuilder } from '../support/objects.ts';
import { ProjectFleet } from '../support/project-fleet.ts';
import type { ProjectUnderTest } from '../support/project-under-test.ts';

let fleet: ProjectFleet;
beforeAll(async () => {
  fleet = await ProjectFleet.start();
});
afterAll(async () => {
  await fleet?.stop();
});

/** A project with two members, in which the objects are shared and have arrived. */
async function given(name: string, ...objects: ContentBuilder[]) {
  const project = await fleet.project(name);
  const members = [`${name}-1`, `${name}-2`];
  await project.members(members);
  await project.share(...objects);
  for (const object of objects) for (const member of members) await project.copy(object, member);
  return { project, members };
}

/** What is written to the members from `act` until another object, shared after it, has arrived. */
async function writesOf(project: ProjectUnderTest, members: readonly string[], act: () => Promise<unknown>) {
  const before = fleet.writesTo(members).length;
  await act();
  const marker = aConfigMap(`marker-${before}`);
  await project.settle(members, marker);
  const isMarkers = ({ method, path }: { method: string; path: string }) =>
    method === 'POST' && path.endsWith('/configmaps');
  return fleet
    .writesTo(members)
    .slice(before)
    .filter(write => !isMarkers(write));
}

describe('a source that changes', () => {
  test('changes each copy with one write', async () => {
    const secret = aSecret('db');
    const { project, members } = await given('changes', secret);

    const writes = await writesOf(project, members, async () => {
      await project.changeSource(secret, { data: { password: base64('new'), user: base64('me') } });
      for (const member of members) await project.copy(secret, member, ({ data }) => data?.user === base64('me'));
    });

    expect(writes.map(({ method, path, status }) => `${method} ${path} ${status}`).sort()).toEqual(
      members.map(member => `PATCH /api/v1/namespaces/${member}/secrets/db 200`),
    );
    await project.copy(secret, members[0] ?? '', ({ data }) => data?.password === base64('new'));
  });

  test('loses keys, labels and annotations in the copies too', async () => {
    const secret = aSecret('keys')
      .withData({ a: '1', b: '2' })
      .withLabels({ team: 'blue' })
      .withAnnotations({ 'example.com/note': 'x' });
    const { project } = await given('loses', secret);

    await project.changeSource(secret, {
      metadata: { labels: { team: null }, annotations: { 'example.com/note': null } },
      data: { b: null },
    });

    const copy = await project.copy(secret, 'loses-1', ({ data }) => data?.b === undefined);
    expect(copy.data).toEqual({ a: base64('1') });
    expect(copy.metadata?.labels).not.toHaveProperty('team');
    expect(copy.metadata?.annotations).not.toHaveProperty(['example.com/note']);
  });

  test.each([
    ['an annotation of ours', { annotations: { 'paddock.dev/anything': 'new' } }],
    ['a selector that selects the same', { annotations: { 'paddock.dev/namespaces': '!nobody-has-this' } }],
    ['an annotation of Argo CD', { annotations: { 'argocd.argoproj.io/tracking-id': 'apps' } }],
    ['what kubectl applied', { annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{}' } }],
    ['a label of Helm', { labels: { 'app.kubernetes.io/instance': 'release' } }],
    ['a finalizer', { finalizers: ['example.com/keep'] }],
  ])('only in %s writes nothing', async (what, metadata) => {
    const name = `same-${what.replaceAll(/[^a-z]+/gi, '-').toLowerCase()}`.slice(0, 30).replace(/-$/, '');
    const secret = aSecret('same');
    const { project, members } = await given(name, secret);

    const writes = await writesOf(project, members, () => project.changeSource(secret, { metadata }));

    expect(writes).toEqual([]);
    await project.changeSource(secret, { metadata: { finalizers: null } });
  });

  test('while the operator is down changes the copies when it is back', async () => {
    const secret = aSecret('offline');
    const { project, members } = await given('offline', secret);

    await fleet.whileDown(() => project.changeSource(secret, { data: { password: base64('later') } }));

    for (const member of members) await project.copy(secret, member, ({ data }) => data?.password === base64('later'));
  });
});

describe('what can not be changed in place is replaced', () => {
  test('another type', async () => {
    const secret = aSecret('typed').ofType('Opaque').withData({ 'tls.crt': 'a', 'tls.key': 'b' });
    const { project, members } = await given('typed', secret);
    const before = await project.copy(secret, 'typed-1');

    await project.recreateSource(secret.ofType('kubernetes.io/tls'));

    for (const member of members) await project.copy(secret, member, ({ type }) => type === 'kubernetes.io/tls');
    const after = await project.copy(secret, 'typed-1');
    expect(after.metadata?.uid).not.toBe(before.metadata?.uid);
  });

  test('immutable content', async () => {
    const secret = aSecret('frozen').thatIsImmutable();
    const { project, members } = await given('frozen', secret);
    expect(await project.copy(secret, 'frozen-1')).toMatchObject({ immutable: true });

    await project.recreateSource(secret.withData({ password: 'second' }));

    for (const member of members)
      expect(await project.copy(secret, member, ({ data }) => data?.password === base64('second'))).toMatchObject({
        immutable: true,
      });
  });

  test('an immutable copy whose source no longer is', async () => {
    const configMap = aConfigMap('thawed').thatIsImmutable();
    const { project, members } = await given('thawed', configMap);

    await project.recreateSource(aConfigMap('thawed').withData({ color: 'green' }));

    for (const member of members) await project.copy(configMap, member, ({ data }) => data?.color === 'green');
    expect((await project.copy(configMap, 'thawed-1')).immutable ?? false).toBe(false);
  });

  test('but a source that becomes immutable, or an immutable one that gets a label, is patched', async () => {
    const configMap = aConfigMap('freezing');
    const { project, members } = await given('freezing', configMap);
    const before = await project.copy(configMap, 'freezing-1');

    await project.changeSource(configMap, { immutable: true });
    for (const member of members) await project.copy(configMap, member, ({ immutable }) => immutable === true);
    await project.changeSource(configMap, { metadata: { labels: { team: 'blue' } } });

    const after = await project.copy(configMap, 'freezing-1', ({ metadata }) => metadata?.labels?.team === 'blue');
    expect(after.metadata?.uid).toBe(before.metadata?.uid);
  });

  test('only once a finalizer of somebody else lets the old copy go', async () => {
    const secret = aSecret('held').thatIsImmutable();
    const { project } = await given('held', secret);
    await edit(fleet.downstream, secret, 'held-1', { metadata: { finalizers: ['example.com/hold'] } });

    await project.recreateSource(secret.withData({ password: 'second' }));
    await project.copy(secret, 'held-2', ({ data }) => data?.password === base64('second'));
    await project.status(status => expect(status.shared).toMatchObject({ copies: 1, pending: 1 }));
    await edit(fleet.downstream, secret, 'held-1', { metadata: { finalizers: null } });

    await project.copy(secret, 'held-1', ({ data }) => data?.password === base64('second'));
    await project.status(status => expect(status.shared).toMatchObject({ copies: 2, pending: 0 }));
  });
});

describe('a source that goes', () => {
  test('takes its copies with it, and no others', async () => {
    const [gone, kept] = [aSecret('gone'), aSecret('kept')];
    const { project, members } = await given('pruned', gone, kept);

    await project.deleteSource(gone);

    for (const member of members) await project.noCopy(gone, member);
    for (const member of members) await project.copy(kept, member);
    await project.status(status => expect(status.shared).toMatchObject({ objects: 1, copies: 2 }));
  });

  test('by losing its label takes its copies too, and stays itself', async () => {
    const configMap = aConfigMap('unshared');
    const { project, members } = await given('unshared', configMap);

    await project.changeSource(configMap, { metadata: { labels: { [LABEL_SHARED]: null } } });

    for (const member of members) await project.noCopy(configMap, member);
    await project.changeSource(configMap, { metadata: { labels: { [LABEL_SHARED]: 'true' } } });
    for (const member of members) await project.copy(configMap, member);
  });

  test('while the operator is down leaves no orphan', async () => {
    const secret = aSecret('missed');
    const { project, members } = await given('missed', secret);

    await fleet.whileDown(() => project.deleteSource(secret));

    for (const member of members) await project.noCopy(secret, member);
  });
});
