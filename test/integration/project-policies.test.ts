import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { LABEL_OWNER, LABEL_PROJECT, type ProjectSpec } from '#api';
import { type KubeObject, Namespaces, type ResourceType } from '#runtime';
import { LimitRanges, NetworkPolicies } from '../../operators/engagement/policy-kinds.ts';
import { namespaceThat, WITHIN_MS } from '../support/cluster-objects.ts';
import { eventuallyPasses } from '../support/eventually.ts';
import { aConfigMap, aNamespace } from '../support/objects.ts';
import { ProjectFleet } from '../support/project-fleet.ts';

interface Ruled extends KubeObject {
  readonly spec: object;
}

const KINDS = { LimitRange: LimitRanges, NetworkPolicy: NetworkPolicies } as Readonly<
  Record<Kind, ResourceType<Ruled>>
>;
type Kind = 'LimitRange' | 'NetworkPolicy';
const NAME = 'paddock';

const DEFAULTS: ProjectSpec['containerDefaults'] = {
  requests: { cpu: '100m', memory: '64Mi' },
  limits: { cpu: '1000m', memory: '128Mi' },
};
const LIMITS = {
  limits: [
    {
      type: 'Container',
      default: { cpu: '1', memory: '128Mi' },
      defaultRequest: { cpu: '100m', memory: '64Mi' },
    },
  ],
};
const members = (project: string) => ({ namespaceSelector: { matchLabels: { [LABEL_PROJECT]: project } } });
/** What isolation of a project is that lets in these as well. */
const isolated = (project: string, ...others: object[]) => ({
  podSelector: {},
  policyTypes: ['Ingress'],
  ingress: [{ from: [members(project), members('system'), ...others] }],
});
const SECURITY = { enforce: 'baseline', warn: 'restricted' } as const;
const SECURITY_LABELS = {
  'pod-security.kubernetes.io/enforce': 'baseline',
  'pod-security.kubernetes.io/enforce-version': 'latest',
  'pod-security.kubernetes.io/warn': 'restricted',
  'pod-security.kubernetes.io/warn-version': 'latest',
};
const EVERYTHING: ProjectSpec = {
  containerDefaults: DEFAULTS,
  networkIsolation: { enabled: true },
  podSecurity: SECURITY,
};

let fleet: ProjectFleet;
beforeAll(async () => {
  fleet = await ProjectFleet.start();
});
afterAll(async () => {
  await fleet?.stop();
});

const key = (namespace: string) => ({ namespace, name: NAME });

/** Waits until a namespace has exactly these of ours, by kind. */
async function has(namespace: string, wanted: Readonly<Record<Kind, object | undefined>>): Promise<void> {
  await eventuallyPasses(
    async () => {
      for (const kind of Object.keys(KINDS) as Kind[]) {
        const found = await fleet.downstream.find(KINDS[kind], key(namespace));
        expect(found?.spec).toEqual(wanted[kind]);
      }
    },
    { timeoutMs: WITHIN_MS, what: `the policies of namespace ${namespace} are as they should be` },
  );
}

const everything = (project: string) => ({ LimitRange: LIMITS, NetworkPolicy: isolated(project) });
const NOTHING = { LimitRange: undefined, NetworkPolicy: undefined };

async function security(namespace: string, wanted: Readonly<Record<string, string>>): Promise<void> {
  await namespaceThat(fleet.downstream, namespace, ({ metadata }) => {
    const labels = Object.entries(metadata?.labels ?? {}).filter(([label]) => label.startsWith('pod-security.'));
    expect(Object.fromEntries(labels)).toEqual(wanted);
  });
}

/** A project with limits, isolation and pod security, and one member that has them. */
async function given(name: string) {
  const project = await fleet.project(name, EVERYTHING);
  const member = `${name}-1`;
  await project.members([member]);
  await has(member, everything(name));
  await security(member, SECURITY_LABELS);
  return { project, member };
}

const aPod = (container: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'asks' },
  spec: { containers: [{ name: 'one', image: 'none', ...container }] },
});
interface Pod extends KubeObject {
  readonly spec: { readonly containers: readonly { readonly resources?: object }[] };
}
const Pods: ResourceType<Pod> = { group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true };

describe('limits, isolation and pod security', () => {
  test('are in every member namespace, present and future, and mean to Kubernetes what they say', async () => {
    const { project, member } = await given('rules');
    await project.members(['rules-2']);
    await has('rules-2', everything('rules'));
    await project.condition('PolicyReady', 'True', 'Applied');
    await project.condition('Ready', 'True');

    // a Pod is admitted only once its namespace has a service account
    const create = (pod: object) => fleet.downstream.create(Pods, { namespace: member }, pod);
    await eventuallyPasses(async () => expect(await create(aPod())).toBeTruthy(), {
      timeoutMs: WITHIN_MS,
      what: 'a Pod',
    });
    const made = await fleet.downstream.get(Pods, { namespace: member, name: 'asks' });
    expect(made.spec.containers[0]?.resources).toEqual({
      limits: { cpu: '1', memory: '128Mi' },
      requests: { cpu: '100m', memory: '64Mi' },
    });
    const privileged = aPod({ securityContext: { privileged: true } });
    await expect(create(privileged)).rejects.toThrow(/violates PodSecurity "baseline:latest"/);
  });

  test('follow the spec, and go with it', async () => {
    const { project, member } = await given('follow');
    await project.change({
      spec: {
        containerDefaults: { requests: null, limits: { cpu: null, memory: '1Gi' } },
        networkIsolation: { allowFrom: [{ project: 'shared' }, { cidr: '10.0.0.0/8' }] },
        podSecurity: { enforce: 'restricted', warn: null, version: 'v1.30' },
      },
    });
    await has(member, {
      LimitRange: { limits: [{ type: 'Container', default: { memory: '1Gi' }, defaultRequest: { memory: '1Gi' } }] },
      NetworkPolicy: isolated('follow', members('shared'), { ipBlock: { cidr: '10.0.0.0/8' } }),
    });
    await security(member, {
      'pod-security.kubernetes.io/enforce': 'restricted',
      'pod-security.kubernetes.io/enforce-version': 'v1.30',
    });

    await project.change({ spec: { networkIsolation: { enabled: false } } });
    await has(member, { LimitRange: expect.anything() as object, NetworkPolicy: undefined });
    await project.change({ spec: { containerDefaults: null, podSecurity: null } });
    await has(member, NOTHING);
    await security(member, {});
    await project.condition('PolicyReady', 'True');
  });

  test('of a namespace that moves are those of its new project, and none when it leaves; pod security stays', async () => {
    const { member } = await given('from');
    const to = await fleet.project('to', { networkIsolation: { enabled: true } });

    await to.attach(member);
    await has(member, { LimitRange: undefined, NetworkPolicy: isolated('to') });
    await security(member, SECURITY_LABELS);

    await fleet.downstream.mergePatch(
      Namespaces,
      { name: member },
      { metadata: { labels: { [LABEL_PROJECT]: null } } },
    );
    await has(member, NOTHING);
    await security(member, SECURITY_LABELS);
  });

  test('go when the project is deleted, but for pod security', async () => {
    const { project, member } = await given('deleted');
    await project.delete();
    await project.gone();
    await has(member, NOTHING);
    await security(member, SECURITY_LABELS);
  });

  test('switched off while nobody looked go when the operator is back', async () => {
    const { project, member } = await given('later');
    await fleet.whileDown(async () => {
      await project.change({ spec: { containerDefaults: null, networkIsolation: null, podSecurity: null } });
    });
    await has(member, NOTHING);
    await security(member, {});
  });

  test('cost one write each, and none while nothing changes', async () => {
    const { project, member } = await given('cheap');
    const writes = async (marker: string) => {
      await project.settle([member], aConfigMap(marker));
      return fleet.writes.filter(({ path }) => path.includes(`/${member}/`) && !path.includes('/configmaps')).length;
    };
    expect(await writes('first')).toBe(2);
    await project.change({ spec: { description: 'nothing that a namespace has' } });
    expect(await writes('second')).toBe(2);
    await fleet.whileDown();
    expect(await writes('third')).toBe(2);
  });
});

describe.each(Object.keys(KINDS) as Kind[])('a %s of ours', kind => {
  test.each([
    ['edited', (spec: object) => ({ spec: kind === 'LimitRange' ? OPEN_LIMITS : { ...spec, ingress: [{}] } })],
    ['stripped of its marks', () => ({ metadata: { labels: { [LABEL_OWNER]: null } } })],
  ])('that is %s is restored', async (what, patch) => {
    const name = `${kind.toLowerCase()}-${what.slice(0, 6)}`;
    const { member } = await given(name);
    const { spec } = await fleet.downstream.get(KINDS[kind], key(member));
    await fleet.downstream.mergePatch(KINDS[kind], key(member), patch(spec));
    await has(member, everything(name));
    await eventuallyPasses(
      async () => {
        const { metadata } = await fleet.downstream.get(KINDS[kind], key(member));
        expect(metadata?.labels?.[LABEL_OWNER]).toBe(`project.${name}`);
      },
      { timeoutMs: WITHIN_MS, what: 'its marks are back' },
    );
  });

  test('that is deleted comes again', async () => {
    const name = `${kind.toLowerCase()}-deleted`;
    const { member } = await given(name);
    const { metadata } = await fleet.downstream.get(KINDS[kind], key(member));
    await fleet.downstream.delete(KINDS[kind], key(member));
    await has(member, everything(name));
    expect((await fleet.downstream.get(KINDS[kind], key(member))).metadata?.uid).not.toBe(metadata?.uid);
  });

  test('where a foreign one stands is not put in its place until that goes; the project names it', async () => {
    const name = `${kind.toLowerCase()}-foreign`;
    const member = `${name}-1`;
    await fleet.downstream.create(Namespaces, {}, aNamespace(member));
    const foreign = kind === 'LimitRange' ? OPEN_LIMITS : { podSelector: {}, ingress: [{}], policyTypes: ['Ingress'] };
    await fleet.downstream.create(KINDS[kind], { namespace: member }, { metadata: { name: NAME }, spec: foreign });
    const project = await fleet.project(name, EVERYTHING);
    await project.attach(member);

    const { message } = await project.condition('PolicyReady', 'False', 'Conflict');
    expect(message).toContain(`${kind} ${member}/paddock: a ${kind} of this name that Paddock did not make is there`);
    await project.condition('Ready', 'False', 'Conflict');
    await project.event('ConflictFound', member);
    const other = kind === 'LimitRange' ? { NetworkPolicy: isolated(name) } : { LimitRange: LIMITS };
    await has(member, { LimitRange: foreign, NetworkPolicy: foreign, ...other });

    await fleet.downstream.delete(KINDS[kind], key(member));
    await has(member, everything(name));
    await project.condition('PolicyReady', 'True');
    await project.event('ConflictResolved', member);
  });
});

const OPEN_LIMITS = { limits: [{ type: 'Container', default: { cpu: '64' }, defaultRequest: { cpu: '64' } }] };

test.each([
  ['changed', { 'pod-security.kubernetes.io/enforce': 'privileged' }],
  ['removed', { 'pod-security.kubernetes.io/enforce': null }],
])('a pod security label that is %s is restored', async (what, labels) => {
  const { member } = await given(`label-${what}`);
  const edited = await fleet.downstream.mergePatch(Namespaces, { name: member }, { metadata: { labels } });
  expect(edited.metadata?.labels?.['pod-security.kubernetes.io/enforce']).not.toBe('baseline');
  await security(member, SECURITY_LABELS);
});
