import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { LABEL_MANAGED_BY, MANAGED_BY } from '#api';
import { edit, find, inBatches } from '../support/cluster-objects.ts';
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

/** Somebody's own object downstream. */
async function foreign(object: ContentBuilder, namespace: string): Promise<ContentObject> {
  return await fleet.downstream.create(ContentTypes[object.kind], { namespace }, object.build(namespace));
}

async function free({ kind, name }: ContentBuilder, namespace: string): Promise<void> {
  await fleet.downstream.delete(ContentTypes[kind], { namespace, name });
}

const conflict = (namespace: string, { kind, name }: ContentBuilder) => ({ namespace, kind, name, reason: 'Conflict' });

/** A project with two members; in the first, somebody has an object of the shared one's name. */
async function given(name: string, own: ContentBuilder) {
  const project = await fleet.project(name);
  const [taken, vacant] = [`${name}-taken`, `${name}-vacant`];
  await project.members([taken, vacant]);
  const theirs = await foreign(own, taken);
  return { project, taken, vacant, theirs };
}

describe('a foreign object of the same name', () => {
  test.each([
    ['Secret', aSecret('db').withData({ theirs: 'x' })],
    ['ConfigMap', aConfigMap('db').withData({ theirs: 'x' })],
    ['Secret that says it is managed by Paddock', aSecret('db').withLabels({ [LABEL_MANAGED_BY]: MANAGED_BY })],
    ['immutable ConfigMap of the same content', aConfigMap('db').thatIsImmutable()],
  ])('(%s) is untouched and named, while the others proceed', async (what, own) => {
    const name = `taken-${what.length}`;
    const { project, taken, vacant, theirs } = await given(name, own);
    const source = own.kind === 'Secret' ? aSecret('db') : aConfigMap('db');

    await project.share(source);
    await project.settle([taken, vacant], aConfigMap('marker'));

    await project.copy(source, vacant);
    await project.status(status =>
      expect(status.shared).toEqual({ objects: 2, copies: 3, pending: 0, conflicts: [conflict(taken, own)] }),
    );
    const { message } = await project.condition('SharedReady', 'False', 'Conflict');
    expect(message).toContain(`${own.kind} ${taken}/db`);
    await project.condition('Ready', 'False', 'Conflict');
    const event = await project.event('ConflictFound', taken);
    expect(event).toMatchObject({ type: 'Warning', regarding: { namespace: 'c-edge-1', name } });
    expect(event.note).toContain(`${own.kind} db`);
    expect(await find(fleet.downstream, own, taken)).toEqual(theirs);
  });

  test('stays untouched when the source changes and goes', async () => {
    const secret = aSecret('db');
    const { project, taken, vacant, theirs } = await given('untouched', secret.withData({ theirs: 'x' }));
    await project.share(secret);
    await project.condition('SharedReady', 'False', 'Conflict');

    await project.changeSource(secret, { data: { password: base64('new') } });
    await project.copy(secret, vacant, ({ data }) => data?.password === base64('new'));
    await project.deleteSource(secret);
    await project.noCopy(secret, vacant);
    await project.condition('SharedReady', 'True');

    expect(await find(fleet.downstream, secret, taken)).toEqual(theirs);
  });

  test('edited by its owner stays theirs, and stays named', async () => {
    const secret = aSecret('db');
    const { project, taken, vacant } = await given('edited', secret);
    await project.share(secret);
    await project.condition('SharedReady', 'False', 'Conflict');

    const edited = await edit(fleet.downstream, secret, taken, { data: { theirs: base64('new') } });
    await project.settle([taken, vacant], aConfigMap('marker'));

    expect(await find(fleet.downstream, secret, taken)).toEqual(edited);
    await project.condition('SharedReady', 'False', 'Conflict');
  });

  test('is followed by the copy as soon as it goes', async () => {
    const secret = aSecret('db');
    const { project, taken } = await given('freed', secret.withData({ theirs: 'x' }));
    await project.share(secret);
    await project.condition('SharedReady', 'False', 'Conflict');

    await free(secret, taken);

    await project.copy(secret, taken, ({ data }) => data?.password === base64('secret'));
    await project.condition('SharedReady', 'True');
    await project.event('ConflictResolved', taken);
    await project.status(status => expect(status.shared).toMatchObject({ copies: 2, conflicts: [] }));
  });

  test('held by a finalizer is followed by the copy once it is really gone', async () => {
    const secret = aSecret('db');
    const { project, taken } = await given('lingering', secret.withData({ theirs: 'x' }));
    await edit(fleet.downstream, secret, taken, { metadata: { finalizers: ['example.com/hold'] } });
    await project.share(secret);
    await project.condition('SharedReady', 'False', 'Conflict');

    await free(secret, taken);
    await project.settle([taken], aConfigMap('marker'));
    expect(await find(fleet.downstream, secret, taken)).toMatchObject({ data: { theirs: base64('x') } });
    await edit(fleet.downstream, secret, taken, { metadata: { finalizers: null } });

    await project.copy(secret, taken, ({ data }) => data?.password === base64('secret'));
  });

  test('given to us by its owner, with our mark, becomes the copy', async () => {
    const secret = aSecret('db');
    const { project, taken, vacant, theirs } = await given('given', secret.withData({ theirs: 'x' }));
    await project.share(secret);
    await project.condition('SharedReady', 'False', 'Conflict');
    const copy = await project.copy(secret, vacant);

    const labels = { 'paddock.dev/owner': copy.metadata?.labels?.['paddock.dev/owner'] };
    await edit(fleet.downstream, secret, taken, { metadata: { labels } });

    const adopted = await project.copy(secret, taken, ({ data }) => data?.password === base64('secret'));
    expect(adopted.metadata?.uid).toBe(theirs.metadata?.uid);
    expect(adopted.data).toEqual({ password: base64('secret') });
    await project.condition('SharedReady', 'True');
  });
});

describe('after a restart of the operator', () => {
  test('conflicts that still stand are not told again, and are served when they end', async () => {
    const secret = aSecret('db');
    const { project, taken, vacant, theirs } = await given('restarted', secret.withData({ theirs: 'x' }));
    await project.share(secret);
    await project.event('ConflictFound', taken);
    await project.condition('SharedReady', 'False', 'Conflict');

    await fleet.whileDown();
    // one look at a namespace after the other: with the second copy the first look, which found the conflict, has ended
    for (const marker of ['marker', 'another']) await project.settle([taken, vacant], aConfigMap(marker));
    expect(await find(fleet.downstream, secret, taken)).toEqual(theirs);
    await free(secret, taken);

    await project.copy(secret, taken, ({ data }) => data?.password === base64('secret'));
    await project.event('ConflictResolved', taken);
    const told = await project.events('ConflictFound');
    expect(told.map(({ series }) => series?.count ?? 1)).toEqual([1]);
  });

  test('conflicts that ended meanwhile are served', async () => {
    const secret = aSecret('db');
    const { project, taken } = await given('ended', secret.withData({ theirs: 'x' }));
    await project.share(secret);
    await project.condition('SharedReady', 'False', 'Conflict');

    await fleet.whileDown(() => free(secret, taken));

    await project.copy(secret, taken, ({ data }) => data?.password === base64('secret'));
    await project.condition('SharedReady', 'True');
  });
});

test('a hundred namespaces with a foreign object each: all counted, twenty named, none told twice, all served', async () => {
  const project = await fleet.project('hundred');
  const members = Array.from({ length: 100 }, (_, index) => `hundred-${String(index + 1).padStart(3, '0')}`);
  const [secret, other] = [aSecret('db'), aSecret('other')];
  await project.members(members);
  await inBatches(members, member => foreign(secret.withData({ theirs: member }), member));

  await project.share(secret, other);
  for (const member of members) await project.copy(other, member);
  await project.status(status => {
    expect(status.shared).toMatchObject({ objects: 2, copies: 100, pending: 0 });
    expect(status.shared?.conflicts).toEqual(members.slice(0, 20).map(member => conflict(member, secret)));
  });
  const { message } = await project.condition('SharedReady', 'False', 'Conflict');
  expect(message).toContain('99 more');
  const told = await project.events('ConflictFound');

  await fleet.whileDown();
  await project.settle(members, aConfigMap('marker'));
  const toldAgain = await project.events('ConflictFound');
  expect(toldAgain.map(({ note, series }) => `${note} ${series?.count ?? 1}`).sort()).toEqual(
    told.map(({ note, series }) => `${note} ${series?.count ?? 1}`).sort(),
  );

  await inBatches(members, member => free(secret, member));
  for (const member of members) await project.copy(secret, member, ({ data }) => data?.theirs === undefined);
  await project.status(status => expect(status.shared).toMatchObject({ copies: 300, pending: 0, conflicts: [] }));
});
