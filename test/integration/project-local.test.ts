import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { LABEL_PROJECT } from '#api';
import { type KubeObject, Namespaces, type ResourceType } from '#runtime';
import { installManifests } from '../../hack/dev/hub-objects.ts';
import { LimitRanges, NetworkPolicies, ResourceQuotas } from '../../operators/engagement/policy-kinds.ts';
import { find, namespaceGone, namespaceThat } from '../support/cluster-objects.ts';
import { eventually, eventuallyPasses } from '../support/eventually.ts';
import { aConfigMap, aSecret, base64, ContentTypes } from '../support/objects.ts';
import { ProjectFleet } from '../support/project-fleet.ts';

const PolicyBindings: ResourceType<KubeObject> = {
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'ValidatingAdmissionPolicyBinding',
  plural: 'validatingadmissionpolicybindings',
  namespaced: false,
};

let fleet: ProjectFleet;
beforeAll(async () => {
  fleet = await ProjectFleet.startLocal();
});
afterAll(async () => {
  await fleet?.stop();
});

describe('where the hub is the cluster', () => {
  test('shared objects reach the members and follow their sources', async () => {
    const project = await fleet.project('follows', { namespaceLabels: { team: 'blue' } });
    const [secret, configMap] = [aSecret('db'), aConfigMap('colors')];
    await project.members(['follows-1', 'follows-2']);

    await project.share(secret, configMap);
    for (const member of ['follows-1', 'follows-2']) {
      const { metadata } = await project.copy(secret, member);
      await project.copy(configMap, member);
      expect(metadata?.labels).toMatchObject({
        'paddock.dev/cluster': 'local',
        'paddock.dev/owner': 'project.follows',
      });
      expect(metadata?.labels).not.toHaveProperty(['paddock.dev/plane']);
      expect(metadata?.labels).not.toHaveProperty(['paddock.dev/shared']);
    }
    await project.changeSource(secret, { data: { password: base64('new') } });
    await project.deleteSource(configMap);

    for (const member of ['follows-1', 'follows-2']) {
      await project.copy(secret, member, ({ data }) => data?.password === base64('new'));
      await project.noCopy(configMap, member);
    }
    await project.status(status => {
      expect(status.namespaces).toEqual({ total: 2, names: ['follows-1', 'follows-2'] });
      expect(status.shared).toEqual({ objects: 1, copies: 2, pending: 0, conflicts: [] });
    });
  });

  test('quota, limits, isolation and pod security are kept in the members, with the rights that the operator has', async () => {
    const project = await fleet.project('ruled', {
      resourceQuota: { hard: { pods: '4' }, namespaceDefault: { pods: '2' } },
      containerDefaults: { limits: { cpu: '1' } },
      networkIsolation: { enabled: true },
      podSecurity: { enforce: 'baseline' },
    });
    await project.members(['ruled-1']);
    const there = async (type: ResourceType<KubeObject>) =>
      await fleet.hub.find(type, { namespace: 'ruled-1', name: 'paddock' });
    const types = [ResourceQuotas, LimitRanges, NetworkPolicies];
    for (const type of types)
      await eventually(() => there(type), { timeoutMs: 20_000, what: `${type.kind} paddock is there` });
    await namespaceThat(fleet.hub, 'ruled-1', ({ metadata }) =>
      expect(metadata?.labels).toMatchObject({ 'pod-security.kubernetes.io/enforce': 'baseline' }),
    );
    await project.condition('Ready', 'True');

    await project.change({
      spec: { resourceQuota: null, containerDefaults: null, networkIsolation: null, podSecurity: null },
    });
    for (const type of types)
      await eventually(async () => !(await there(type)), { timeoutMs: 20_000, what: `${type.kind} paddock is gone` });
    await namespaceThat(fleet.hub, 'ruled-1', ({ metadata }) =>
      expect(metadata?.labels).not.toHaveProperty(['pod-security.kubernetes.io/enforce']),
    );
  });

  test('a project’s own namespace is never its member, so that nothing is copied onto its source', async () => {
    const project = await fleet.project('self', { namespaceLabels: { team: 'blue' } });
    const secret = aSecret('db');
    await project.members(['self-1']);
    await project.share(secret);
    await project.copy(secret, 'self-1');
    const before = await find(fleet.hub, secret, project.home);

    const label = { metadata: { labels: { [LABEL_PROJECT]: 'self' } } };
    const attach = (name: string) => fleet.hub.mergePatch(Namespaces, { name }, label);
    await expect(attach(project.home)).rejects.toThrow('in no project');
    // without that policy of the hub, the one of downstreams refuses it
    await fleet.hub.delete(PolicyBindings, { name: 'paddock-namespaces' });
    for (const name of [project.home, 'c-local', 'paddock-system'])
      await eventuallyPasses(() => expect(attach(name)).rejects.toThrow(/paddock-membership.*reserved for Paddock/), {
        timeoutMs: 20_000,
        what: `${name} is not labelled`,
      });
    await project.settle(['self-1'], aConfigMap('marker'));

    expect(await find(fleet.hub, secret, project.home)).toEqual(before);
    await project.status(status => expect(status.namespaces).toEqual({ total: 1, names: ['self-1'] }));
    for (const name of [project.home, 'c-local', 'paddock-system']) {
      const { metadata } = await fleet.hub.get(Namespaces, { name });
      expect(metadata?.labels).not.toHaveProperty('team');
    }
    await installManifests(fleet.fleet.hub.controlPlane);
  });

  test('a source that was made from a copy, marks and all, is not taken for one', async () => {
    const project = await fleet.project('boomerang');
    const secret = aSecret('db');
    await project.members(['boomerang-1']);
    await project.share(secret);
    const { metadata: marks } = await project.copy(secret, 'boomerang-1');

    const marked = aSecret('marked')
      .withLabels({ ...marks?.labels })
      .withAnnotations({ ...marks?.annotations });
    await project.share(marked);
    await project.settle(['boomerang-1'], aConfigMap('marker'));
    await fleet.whileDown();
    await project.settle(['boomerang-1'], aConfigMap('another'));

    await project.copy(marked, 'boomerang-1');
    expect(await find(fleet.hub, marked, project.home)).toBeDefined();
  });

  test('a move between projects leaves nothing of the old one', async () => {
    const [from, to] = [await fleet.project('from'), await fleet.project('to')];
    await from.members(['moving']);
    await from.share(aSecret('db').withData({ from: 'old' }), aSecret('gone'));
    await to.share(aSecret('db').withData({ from: 'new' }));
    await from.copy(aSecret('gone'), 'moving');

    await to.attach('moving');

    await to.copy(aSecret('db'), 'moving', ({ data }) => data?.from === base64('new'));
    await to.noCopy(aSecret('gone'), 'moving');
  });

  test('a deleted project takes its copies and its namespace, and leaves the members', async () => {
    const project = await fleet.project('ends', { deletionPolicy: 'Retain' });
    const secret = aSecret('db');
    await project.members(['ends-1']);
    await project.share(secret);
    await project.copy(secret, 'ends-1');

    await project.delete();
    await project.gone();

    await namespaceGone(fleet.hub, project.home);
    expect(await find(fleet.hub, secret, 'ends-1')).toBeUndefined();
    await namespaceThat(fleet.hub, 'ends-1', ({ metadata }) =>
      expect(Object.keys(metadata?.labels ?? {})).not.toContain(LABEL_PROJECT),
    );
  });

  test('Secrets that nobody shared are not touched, whatever project their namespace is in', async () => {
    const project = await fleet.project('others');
    await project.members(['others-1']);
    const own = await fleet.hub.create(
      ContentTypes.Secret,
      { namespace: 'others-1' },
      aSecret('own').build('others-1'),
    );

    await project.settle(['others-1'], aConfigMap('marker'));

    expect(await find(fleet.hub, aSecret('own'), 'others-1')).toEqual(own);
  });
});
