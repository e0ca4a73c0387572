import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Namespaces } from '#runtime';
import { aConfigMap, aSecret } from '../support/objects.ts';
import { ProjectFleet } from '../support/project-fleet.ts';

const CLUSTER = 'a-cluster-of-twenty-nine-char';
const PROJECT = 'a-project-of-thirty-characters';

let fleet: ProjectFleet;
beforeAll(async () => {
  expect(CLUSTER).toHaveLength(29);
  expect(PROJECT).toHaveLength(30);
  fleet = await ProjectFleet.start({ cluster: CLUSTER });
});
afterAll(async () => {
  await fleet?.stop();
});

/** A valid object name of so many characters. */
function longName(length: number): string {
  return `${'segment-of-a-long-name.'.repeat(20).slice(0, length - 1)}x`;
}

describe('with the longest names', () => {
  test('a project has its namespace, and copies with marks that hold', async () => {
    const project = await fleet.project(PROJECT);
    const member = 'm'.repeat(63);
    const [secret, configMap] = [aSecret(longName(253)), aConfigMap(longName(253))];
    await project.members([member]);

    await project.share(secret, configMap);

    const copy = await project.copy(secret, member);
    await project.copy(configMap, member);
    expect(copy.metadata?.labels).toMatchObject({
      'paddock.dev/owner': `project.${PROJECT}`,
      'paddock.dev/cluster': CLUSTER,
    });
    const home = await fleet.hub.get(Namespaces, { name: project.home });
    expect(home.metadata?.name).toHaveLength(63);
    await project.status(status => expect(status.shared).toEqual({ objects: 2, copies: 2, pending: 0, conflicts: [] }));
  });

  test('conflicts are named, told and resolved', async () => {
    const project = await fleet.project(`${PROJECT.slice(0, 28)}-2`);
    const member = `${'n'.repeat(62)}1`;
    const secret = aSecret(longName(253));
    await project.members([member]);
    const type = { group: '', version: 'v1', kind: 'Secret', plural: 'secrets', namespaced: true };
    await fleet.downstream.create(type, { namespace: member }, secret.build(member));

    await project.share(secret);

    await project.event('ConflictFound', member);
    await project.status(status =>
      expect(status.shared?.conflicts).toEqual([
        { namespace: member, kind: 'Secret', name: secret.name, reason: 'Conflict' },
      ]),
    );
    await fleet.downstream.delete(type, { namespace: member, name: secret.name });
    await project.copy(secret, member, ({ metadata }) => metadata?.labels?.['paddock.dev/owner'] !== undefined);
  });

  test('one-letter names work as well', async () => {
    const project = await fleet.project('p');
    await project.members(['n']);

    await project.share(aSecret('s'), aConfigMap('c'));

    await Promise.all([project.copy(aSecret('s'), 'n'), project.copy(aConfigMap('c'), 'n')]);
  });
});
