import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { LABEL_OWNER, LABEL_PROJECT, ProjectResource, type ProjectSpec } from '#api';
import { Namespaces } from '#runtime';
import { LimitRanges, NetworkPolicies, ResourceQuotas } from '../../operators/engagement/policy-kinds.ts';
import { core, post } from '../integration/agent-requests.ts';
import { AccessFleet, type Binding, user } from '../support/access-fleet.ts';
import { namespaceThat } from '../support/cluster-objects.ts';
import { eventually } from '../support/eventually.ts';
import { aSecret, ContentTypes } from '../support/objects.ts';
import type { Person } from '../support/person.ts';
import { ENFORCE } from './peopled-cluster.ts';

const WITHIN = { timeoutMs: 20_000 };
const SPEC = {
  podSecurity: { enforce: 'baseline' },
  namespaceLabels: { team: 'blue' },
  resourceQuota: { hard: { pods: '100' }, namespaceDefault: { pods: '3' } },
  containerDefaults: { limits: { cpu: '1' } },
  networkIsolation: { enabled: true },
} as const satisfies ProjectSpec;
const LIMITS = [LimitRanges, NetworkPolicies, ResourceQuotas];

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
  for (const project of ['blue', 'red'])
    await fleet.hub.create(
      ContentTypes.Secret,
      { namespace: `p-edge-1--${project}` },
      aSecret('shared').withData({ password: project }).shared().build(`p-edge-1--${project}`),
    );
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
  await eventually(async () => (await limitsOf(namespace)).length === 3, { ...WITHIN, what: 'the limits are there' });
  await eventually(async () => (await secretOf(namespace)) === 'blue', { ...WITHIN, what: 'the Secret is copied' });
}

const relabel = (namespace: string, project: string | null) =>
  fleet.downstream.mergePatch(Namespaces, { name: namespace }, { metadata: { labels: { [LABEL_PROJECT]: project } } });

/** The password in the Secret that both projects share under one name. */
const secretOf = async (namespace: string) => {
  const found = await fleet.downstream.find(ContentTypes.Secret, { namespace, name: 'shared' });
  return found && Buffer.from(found.data?.password ?? '', 'base64').toString();
};

async function noSecret(namespace: string): Promise<void> {
  await eventually(async () => (await secretOf(namespace)) === undefined, {
    ...WITHIN,
    what: `${namespace} has no Secret of a project`,
  });
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

const limitsOf = async (namespace: string) => {
  const found = await Promise.all(LIMITS.map(type => fleet.downstream.find(type, { namespace, name: 'paddock' })));
  return found.filter(limit => limit !== undefined).map(({ metadata }) => metadata?.labels?.[LABEL_OWNER]);
};
const BLUE = ['project.blue', 'project.blue', 'project.blue'];

// Who had rights by the project has them until they are taken; the operators that do the two are not one process.
describe('as long as anybody has rights by a project that a namespace has left', () => {
  test('its limits stay, and what was shared goes at once', async () => {
    await given('blue-out');
    await fleet.whileDown(async () => {
      await relabel('blue-out', null);
      await namespaceThat(fleet.downstream, 'blue-out', ({ metadata }) =>
        expect(metadata?.labels?.team).toBeUndefined(),
      );
      await noSecret('blue-out');
      expect(await olga.may('create pods', 'blue-out')).toBe(true);
      await isRefused('blue-out');
      expect(await limitsOf('blue-out')).toEqual(BLUE);
    });
    await fleet.until(false, olga, 'create pods', 'blue-out');
    await eventually(async () => (await limitsOf('blue-out')).length === 0, { ...WITHIN, what: 'the limits are gone' });
    expect(await securityOf('blue-out')).toBe('baseline');
  });

  test('its limits stay where the next project has none, and nothing of that is copied', async () => {
    await given('blue-move');
    await fleet.bind('olga-red', 'project-owner', [user('olga')], { project: 'red' });
    await fleet.bind('omar', 'project-owner', [user('omar')], { project: 'blue' });
    const omar = fleet.person('omar');
    await fleet.until(true, omar, 'create pods', 'blue-move');
    await fleet.whileDown(async () => {
      await relabel('blue-move', 'red');
      await namespaceThat(fleet.downstream, 'blue-move', ({ metadata }) =>
        expect(metadata?.labels?.team).toBeUndefined(),
      );
      await noSecret('blue-move');
      expect(await omar.may('get secrets', 'blue-move')).toBe(true);
      await isRefused('blue-move');
      expect(await limitsOf('blue-move')).toEqual(BLUE);
    });
    await fleet.until(true, rita, 'create pods', 'blue-move');
    expect(await omar.may('get secrets', 'blue-move')).toBe(false);
    expect(await olga.may('create pods', 'blue-move')).toBe(true);
    await eventually(async () => (await secretOf('blue-move')) === 'red', {
      ...WITHIN,
      what: 'the Secret of red is copied',
    });
    await eventually(async () => (await limitsOf('blue-move')).length === 0, {
      ...WITHIN,
      what: 'the limits are gone',
    });
    expect(await securityOf('blue-move')).toBe('baseline');
  });

  test('its limits stay when it is deleted', async () => {
    await fleet.project('gone', ['gone-1'], SPEC);
    const owen = fleet.person('owen');
    await fleet.bind('owen', 'project-owner', [user('owen')], { project: 'gone' });
    await fleet.until(true, owen, 'create pods', 'gone-1');
    await eventually(async () => (await limitsOf('gone-1')).length === 3, { ...WITHIN, what: 'the limits are there' });
    await fleet.whileDown(async () => {
      await fleet.hub.delete(ProjectResource, { namespace: 'c-edge-1', name: 'gone' });
      await namespaceThat(fleet.downstream, 'gone-1', ({ metadata }) => {
        expect(metadata?.labels).not.toHaveProperty(['team']);
        expect(metadata?.labels).not.toHaveProperty([LABEL_PROJECT]);
      });
      expect(await owen.may('create pods', 'gone-1')).toBe(true);
      expect(await limitsOf('gone-1')).toEqual(BLUE.map(() => 'project.gone'));
    });
    await fleet.until(false, owen, 'create pods', 'gone-1');
    await eventually(async () => (await limitsOf('gone-1')).length === 0, { ...WITHIN, what: 'the limits are gone' });
    expect(await securityOf('gone-1')).toBe('baseline');
  });
});
