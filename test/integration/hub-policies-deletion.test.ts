import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ANNOTATION_CLUSTER_DELETION, LABEL_CLUSTER, LABEL_IN_USE } from '#api';
import { namespaceGone } from '../support/cluster-objects.ts';
import type { Person } from '../support/person.ts';
import { core, paddock, patch, post, remove } from './agent-requests.ts';
import {
  anObject,
  CONTROLLERS,
  dryRun,
  isAccepted,
  isRefused,
  NAMESPACES,
  onPaddock,
  POLICIES,
  PolicyHub,
} from './policy-hub.ts';

const HELD = { finalizers: ['a.example/hold'] };

let hub: PolicyHub;
/** Deletes namespaces and Projects, and may create Clusters. */
let dan: Person;
/** Our operator for clusters, with the rights that it has. */
let operator: Person;

beforeAll(async () => {
  hub = await PolicyHub.start();
  for (const name of ['edge-1', 'going']) {
    await hub.cluster(name);
    await hub.home(name, 'payments');
    for (const project of ['payments', 'system'])
      await hub.make(post(projects(name), anObject('Project', { name: project }, {})));
  }
  await hub.namespace('c-gone', { [LABEL_CLUSTER]: 'gone' });
  await hub.make(post(projects('gone'), anObject('Project', { name: 'system' }, {})));
  [dan, operator] = [hub.person('dan'), hub.operator('cluster')];
  await hub.grant(dan, [
    onPaddock(['projects', 'clusters']),
    { apiGroups: [''], resources: ['namespaces'], verbs: ['*'] },
  ]);
  await hub.enforced(dan, remove(`${projects('edge-1')}/system`));
  await hub.enforced(dan, remove(`${NAMESPACES}/c-edge-1`));
}, 120_000);

afterAll(() => hub?.stop());

const projects = (cluster: string) => paddock(`c-${cluster}`, 'projects');

describe('Project system', () => {
  const refused = /metadata\.name "system": Project system can't be deleted while Cluster "edge-1" stands/;

  test('can’t be deleted while its Cluster stands, also by an admin', async () => {
    for (const person of [dan, hub.admin]) {
      isRefused(await person.send(dryRun(remove(`${projects('edge-1')}/system`))), refused);
      isRefused(await person.send(dryRun(remove(`${projects('edge-1')}/system?gracePeriodSeconds=0`))), refused);
    }
  });

  test('can’t be deleted with all others', async () => {
    isRefused(await dan.send(dryRun(remove(projects('edge-1')))), refused);
    isRefused(await dan.send(dryRun(remove(`${projects('edge-1')}?fieldSelector=metadata.name%3Dsystem`))), refused);
  });

  test('another one can', async () => {
    isAccepted(await dan.send(dryRun(remove(`${projects('edge-1')}/payments`))));
    isAccepted(await dan.send(dryRun(remove(`${projects('edge-1')}?fieldSelector=metadata.name%3Dpayments`))));
  });

  test('can be deleted where there is no Cluster', async () => {
    isAccepted(await dan.send(dryRun(remove(`${projects('gone')}/system`))));
  });

  test('is deleted by our operators', async () => {
    isAccepted(await operator.send(dryRun(remove(`${projects('edge-1')}/system`))));
  });
});

describe('a namespace of a cluster', () => {
  test.each([
    [
      'c-edge-1',
      /"c-edge-1" can't be deleted while Cluster "edge-1" uses it.*delete the Cluster, and Paddock deletes it/,
    ],
    ['p-edge-1--payments', /"p-edge-1--payments" can't be .*delete the Project or the Cluster, and Paddock deletes it/],
  ])('(%s) is deleted only by our operators while the Cluster stands', async (name, refused) => {
    for (const person of [dan, hub.admin]) {
      isRefused(await person.send(dryRun(remove(`${NAMESPACES}/${name}`))), refused);
      isRefused(
        await person.send(dryRun(remove(`${NAMESPACES}/${name}`))),
        /metadata\.labels\[paddock\.dev\/in-use\] "true"/,
      );
    }
    isAccepted(await operator.send(dryRun(remove(`${NAMESPACES}/${name}`))));
  });

  test('without its Cluster is deleted completely, with all that it holds', async () => {
    await hub.make(post(core('c-gone', 'secrets'), { metadata: { name: 'kubeconfig' } }));

    isAccepted(await dan.send(remove(`${NAMESPACES}/c-gone`)));

    await namespaceGone(hub.fleet.hub.client, 'c-gone');
  });

  test('is anybody’s where it is nobody’s', async () => {
    await hub.namespace('own');

    isAccepted(await dan.send(remove(`${NAMESPACES}/own`)));

    await namespaceGone(hub.fleet.hub.client, 'own');
  });

  test('that one made by a name without the label is not kept by it', async () => {
    await hub.namespace('p-unlabelled');

    isAccepted(await dan.send(dryRun(remove(`${NAMESPACES}/p-unlabelled`))));
  });
});

test('while its Cluster is being deleted Project system can go, its namespaces can’t until they are in use no more', async () => {
  const { client } = hub.fleet.hub;
  const annotations = { [ANNOTATION_CLUSTER_DELETION]: 'uid-of-going' };
  await hub.make(patch(`${NAMESPACES}/c-going`, { metadata: { annotations } }));
  await hub.eventuallyAccepted(dan, dryRun(remove(`${projects('going')}/system`)));

  isAccepted(await dan.send(remove(`${projects('going')}/system`)));
  for (const name of ['c-going', 'p-going--payments'])
    isRefused(await dan.send(dryRun(remove(`${NAMESPACES}/${name}`))), /while Cluster "going" uses it/);

  await hub.make(post(projects('going'), anObject('Project', { name: 'system' }, {})));
  for (const name of ['c-going', 'p-going--payments']) {
    await hub.make(patch(`${NAMESPACES}/${name}`, { metadata: { labels: { [LABEL_IN_USE]: null } } }));
    await hub.eventuallyAccepted(dan, remove(`${NAMESPACES}/${name}`));
    await namespaceGone(client, name);
  }
}, 60_000);

test('the policies take no parameters: an API server that has just started refuses nothing for want of a kind', async () => {
  for (const name of ['paddock-namespace-deletion', 'paddock-system-project-deletion'])
    expect((await hub.read(`${POLICIES}/${name}`)).spec).not.toHaveProperty('paramKind');
});

test.each(CONTROLLERS)('%s is asked nothing', async user => {
  const controller = hub.controller(user);
  isAccepted(await controller.send(dryRun(remove(`${NAMESPACES}/c-edge-1`))));
  isAccepted(await controller.send(dryRun(remove(`${projects('edge-1')}/system`))));
  isAccepted(await controller.send(dryRun(remove(projects('edge-1')))));
});

test('of what is going already nothing is asked', async () => {
  await hub.cluster('ending');
  const held = anObject('Project', { name: 'system', ...HELD }, {});
  await hub.make(post(projects('ending'), held));
  isRefused(await dan.send(dryRun(remove(`${NAMESPACES}/c-ending`))), /uses it/);
  isAccepted(await operator.send(remove(`${NAMESPACES}/c-ending`)));

  await hub.eventuallyAccepted(dan, dryRun(remove(`${NAMESPACES}/c-ending`)));
  await hub.eventuallyAccepted(dan, dryRun(remove(`${projects('ending')}/system`)));

  await hub.make(patch(`${projects('ending')}/system`, { metadata: { finalizers: null } }));
  await namespaceGone(hub.fleet.hub.client, 'c-ending');
}, 60_000);

test('it is the policies that refuse', async () => {
  await hub.passesWithout('paddock-system-project-deletion', dan, remove(`${projects('edge-1')}/system`));
  await hub.passesWithout('paddock-namespace-deletion', dan, remove(`${NAMESPACES}/c-edge-1`));
});
