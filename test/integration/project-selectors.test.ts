import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ANNOTATION_NAMESPACES } from '#api';
import { Namespaces } from '#runtime';
import { find } from '../support/cluster-objects.ts';
import { aConfigMap, aSecret, base64, type ContentBuilder } from '../support/objects.ts';
import { ProjectFleet } from '../support/project-fleet.ts';

let fleet: ProjectFleet;
beforeAll(async () => {
  fleet = await ProjectFleet.start();
});
afterAll(async () => {
  await fleet?.stop();
});

const selectorIs = (selector: string | null) => ({ metadata: { annotations: { [ANNOTATION_NAMESPACES]: selector } } });

/** A project with the members `<name>-gold` and `<name>-iron`, each labelled with its tier. */
async function given(name: string) {
  const project = await fleet.project(name);
  const [gold, iron] = [`${name}-gold`, `${name}-iron`];
  await project.members([gold], { tier: 'gold' });
  await project.members([iron], { tier: 'iron' });
  return { project, gold, iron };
}

async function absent(object: ContentBuilder, namespace: string): Promise<void> {
  expect(await find(fleet.downstream, object, namespace)).toBeUndefined();
}

const relabel = (namespace: string, labels: Record<string, string | null>) =>
  fleet.downstream.mergePatch(Namespaces, { name: namespace }, { metadata: { labels } });

describe('the annotation paddock.dev/namespaces', () => {
  test.each([
    ['equality', 'tier=gold'],
    ['inequality', 'tier!=iron'],
    ['set', 'tier in (gold, silver)'],
    ['not-in-set', 'tier notin (iron),tier'],
    ['metadata-name', 'kubernetes.io/metadata.name=sel-metadata-name-gold'],
  ])('narrows delivery by %s', async (what, selector) => {
    const { project, gold, iron } = await given(`sel-${what}`);
    const secret = aSecret('narrow').forNamespaces(selector);

    await project.share(secret);

    await project.copy(secret, gold);
    await project.settle([gold, iron], aConfigMap('marker'));
    await absent(secret, iron);
    await project.status(status => expect(status.shared).toMatchObject({ objects: 2, copies: 3, pending: 0 }));
    await project.condition('SharedReady', 'True');
  });

  test('empty selects every member', async () => {
    const { project, gold, iron } = await given('sel-empty');
    const secret = aSecret('wide').forNamespaces('');

    await project.share(secret);

    await Promise.all([project.copy(secret, gold), project.copy(secret, iron)]);
  });

  test('narrowed removes the copies it no longer selects, widened brings them back', async () => {
    const { project, gold, iron } = await given('sel-moves');
    const secret = aSecret('moves');
    await project.share(secret);
    await Promise.all([project.copy(secret, gold), project.copy(secret, iron)]);
    const before = await project.copy(secret, gold);

    await project.changeSource(secret, selectorIs('tier=gold'));
    await project.noCopy(secret, iron);
    await project.changeSource(secret, selectorIs(null));
    await project.copy(secret, iron);

    const after = await project.copy(secret, gold);
    expect(after.metadata?.resourceVersion).toBe(before.metadata?.resourceVersion);
  });

  test('follows the labels of the namespaces', async () => {
    const { project, gold, iron } = await given('sel-labels');
    const secret = aSecret('follows').forNamespaces('tier=gold');
    await project.share(secret);
    await project.copy(secret, gold);

    await Promise.all([relabel(gold, { tier: null }), relabel(iron, { tier: 'gold' })]);

    await Promise.all([project.noCopy(secret, gold), project.copy(secret, iron)]);
  });

  test('selects by the labels that the project itself puts on its namespaces', async () => {
    const project = await fleet.project('sel-own', { namespaceLabels: { team: 'blue' } });
    const secret = aSecret('team').forNamespaces('team=blue');
    await project.share(secret);

    await project.members(['sel-own-1']);
    await project.copy(secret, 'sel-own-1');
    await project.change({ spec: { namespaceLabels: { team: 'red' } } });

    await project.noCopy(secret, 'sel-own-1');
    await project.status(status => expect(status.shared).toMatchObject({ copies: 0, pending: 0 }));
  });
});

describe('a selector that does not parse', () => {
  test.each(['tier in gold', 'tier=(', '!', 'tier=gold,,', 'a b'])('such as %j is named', async selector => {
    const name = `bad-${Buffer.from(selector).toString('hex')}`;
    const { project, gold, iron } = await given(name);

    await project.share(aSecret('bad').forNamespaces(selector));
    await project.settle([gold, iron], aConfigMap('marker'));

    const { message } = await project.condition('SharedReady', 'False', 'InvalidSelector');
    expect(message).toContain(`Secret ${project.home}/bad`);
    expect(message).toContain(selector);
    await absent(aSecret('bad'), gold);
  });

  test('leaves the copies there as they are, brings no new one, and lets the rest proceed', async () => {
    const { project, gold, iron } = await given('bad-later');
    const [secret, other] = [aSecret('bad').forNamespaces('tier=gold'), aSecret('good')];
    await project.share(secret, other);
    const before = await project.copy(secret, gold);

    await project.changeSource(secret, selectorIs('tier in gold'));
    await project.condition('SharedReady', 'False', 'InvalidSelector');
    await project.changeSource(other, { data: { password: base64('new') } });
    await relabel(iron, { tier: 'gold' });
    await project.members(['bad-later-new'], { tier: 'gold' });

    for (const member of [gold, iron, 'bad-later-new'])
      await project.copy(other, member, ({ data }) => data?.password === base64('new'));
    const after = await project.copy(secret, gold);
    expect(after.metadata?.resourceVersion).toBe(before.metadata?.resourceVersion);
    await Promise.all([absent(secret, iron), absent(secret, 'bad-later-new')]);
    await project.status(status =>
      expect(status.shared?.conflicts).toEqual([
        { namespace: project.home, kind: 'Secret', name: 'bad', reason: 'InvalidSelector' },
      ]),
    );
  });

  test('once corrected is obeyed', async () => {
    const { project, gold, iron } = await given('bad-cured');
    const secret = aSecret('cured').forNamespaces('tier in gold');
    await project.share(secret);
    await project.condition('SharedReady', 'False', 'InvalidSelector');

    await project.changeSource(secret, selectorIs('tier in (iron)'));

    await project.copy(secret, iron);
    await absent(secret, gold);
    await project.condition('SharedReady', 'True');
  });

  test('does not outlive the object', async () => {
    const { project, gold, iron } = await given('bad-gone');
    const secret = aSecret('goes');
    await project.share(secret);
    await Promise.all([project.copy(secret, gold), project.copy(secret, iron)]);
    await project.changeSource(secret, selectorIs('!'));
    await project.condition('SharedReady', 'False', 'InvalidSelector');

    await project.deleteSource(secret);

    await Promise.all([project.noCopy(secret, gold), project.noCopy(secret, iron)]);
    await project.condition('SharedReady', 'True');
  });
});
