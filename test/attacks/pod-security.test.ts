import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { LABEL_PROJECT, ProjectResource } from '#api';
import { Namespaces } from '#runtime';
import { core, post } from '../integration/agent-requests.ts';
import { AccessFleet, type Binding, user } from '../support/access-fleet.ts';
import { namespaceThat } from '../support/cluster-objects.ts';
import { eventually } from '../support/eventually.ts';
import type { Person } from '../support/person.ts';
import { ENFORCE } from './peopled-cluster.ts';

const WITHIN = { timeoutMs: 20_000 };
const SPEC = { podSecurity: { enforce: 'baseline' }, namespaceLabels: { team: 'blue' } } as const;

let fleet: AccessFleet;
/** Owns project blue, which has pod security. */
let olga: Person;
let olgas: Binding;
/** Owns project red, which has none. */
let rita: Person;

beforeAll(async () => {
  fleet = await AccessFleet.start();
  await fleet.project('blue', [], SPEC);
  await fleet.project('red');
  [olga, rita] = [fleet.person('olga'), fleet.person('rita')];
  olgas = await fleet.bind('olga', 'project-owner', [user('olga')], { project: 'blue' });
  await fleet.bind('rita', 'project-owner', [user('rita')], { project: 'red' });
}, 120_000);

afterAll(() => fleet?.stop());

/** A Pod that has the host: what pod security is there to refuse. */
const hostPod = (namespace: string) =>
  post(core(namespace, 'pods'), {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'breaks-out' },
    spec: {
      hostPID: true,
      containers: [{ name: 'one', image: 'none', securityContext: { privileged: true } }],
    },
  });

const securityOf = async (namespace: string) =>
  (await fleet.downstream.get(Namespaces, { name: namespace })).metadata?.labels?.[ENFORCE];

/** A namespace of project blue with its pod security, in which its owner may make Pods, but not that one. */
async function given(namespace: string): Promise<void> {
  await fleet.member(namespace, 'blue');
  await fleet.until(true, olga, 'create pods', namespace);
  await isRefused(namespace);
}

async function isRefused(namespace: string): Promise<void> {
  const refusal = async () => {
    const { status, body } = await olga.send(hostPod(namespace));
    expect(status).toBe(403);
    return body.includes('violates PodSecurity');
  };
  await eventually(refusal, { ...WITHIN, what: 'pod security refuses a Pod with the host' });
}

test('nobody has rights in a new namespace before its pod security is set', async () => {
  await fleet.whileProjectsDown(async () => {
    await fleet.member('blue-new', 'blue');
    await fleet.member('red-new', 'red');
    await fleet.until(true, rita, 'create pods', 'red-new'); // so the other one was looked at, too
    expect(await olga.may('create pods', 'blue-new')).toBe(false);
    expect(await securityOf('blue-new')).toBeUndefined();
    const { message } = await olgas.condition('Ready', 'False', 'PodSecurityMissing');
    expect(message).toContain('namespace blue-new of cluster edge-1 does not have the pod security of Project blue');
  });
  await fleet.until(true, olga, 'create pods', 'blue-new');
  await olgas.condition('Ready', 'True');
  expect(await securityOf('blue-new')).toBe('baseline');
  await isRefused('blue-new');
});

// Who may take a namespace out has rights in it until somebody takes them; the operators are not one process.
test('a namespace that is taken out keeps its pod security until nobody has rights in it', async () => {
  await given('blue-out');
  await fleet.whileDown(async () => {
    const metadata = { labels: { [LABEL_PROJECT]: null } };
    await fleet.downstream.mergePatch(Namespaces, { name: 'blue-out' }, { metadata });
    await namespaceThat(fleet.downstream, 'blue-out', ({ metadata }) => expect(metadata?.labels?.team).toBeUndefined());
    expect(await olga.may('create pods', 'blue-out')).toBe(true);
    await isRefused('blue-out');
  });
  await fleet.until(false, olga, 'create pods', 'blue-out');
  await eventually(async () => (await securityOf('blue-out')) === undefined, {
    ...WITHIN,
    what: 'nothing of ours is left',
  });
});

test('so does one that moves to a project with less, also where who had rights in it keeps them', async () => {
  await given('blue-move');
  await fleet.bind('olga-red', 'project-owner', [user('olga')], { project: 'red' });
  await fleet.bind('omar', 'project-owner', [user('omar')], { project: 'blue' });
  const omar = fleet.person('omar');
  await fleet.until(true, omar, 'create pods', 'blue-move');
  await fleet.whileDown(async () => {
    const metadata = { labels: { [LABEL_PROJECT]: 'red' } };
    await fleet.downstream.mergePatch(Namespaces, { name: 'blue-move' }, { metadata });
    await namespaceThat(fleet.downstream, 'blue-move', ({ metadata }) =>
      expect(metadata?.labels?.team).toBeUndefined(),
    );
    expect(await omar.may('create pods', 'blue-move')).toBe(true);
    await isRefused('blue-move');
  });
  await fleet.until(true, rita, 'create pods', 'blue-move');
  expect(await omar.may('create pods', 'blue-move')).toBe(false);
  expect(await olga.may('create pods', 'blue-move')).toBe(true);
  await eventually(async () => (await securityOf('blue-move')) === undefined, {
    ...WITHIN,
    what: 'nothing of blue is left',
  });
});

test('so does one whose project is deleted', async () => {
  await fleet.project('gone', ['gone-1'], SPEC);
  const owen = fleet.person('owen');
  await fleet.bind('owen', 'project-owner', [user('owen')], { project: 'gone' });
  await fleet.until(true, owen, 'create pods', 'gone-1');
  await fleet.whileDown(async () => {
    await fleet.hub.delete(ProjectResource, { namespace: 'c-edge-1', name: 'gone' });
    await namespaceThat(fleet.downstream, 'gone-1', ({ metadata }) => {
      expect(metadata?.labels).not.toHaveProperty(['team']);
      expect(metadata?.labels).not.toHaveProperty([LABEL_PROJECT]);
    });
    expect(await owen.may('create pods', 'gone-1')).toBe(true);
    expect(await securityOf('gone-1')).toBe('baseline');
  });
  await fleet.until(false, owen, 'create pods', 'gone-1');
  await eventually(async () => (await securityOf('gone-1')) === undefined, {
    ...WITHIN,
    what: 'nothing of ours is left',
  });
});
