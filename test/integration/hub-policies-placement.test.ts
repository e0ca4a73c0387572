import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Person } from '../support/person.ts';
import { apply, paddock, post } from './agent-requests.ts';
import {
  aBinding,
  anObject,
  bindingsIn,
  dryRun,
  isAccepted,
  isRefused,
  mayBind,
  onPaddock,
  PolicyHub,
} from './policy-hub.ts';

let hub: PolicyHub;
/** May write everything of Paddock's everywhere. */
let gitops: Person;
/** Has edit rights on bindings in the home of one project, and may give the roles of projects there. */
let bob: Person;

const C = 'c-edge-1';
const P = 'p-edge-1--payments';

beforeAll(async () => {
  hub = await PolicyHub.start();
  await serveAllKinds();
  await hub.cluster('edge-1');
  await hub.home('edge-1', 'payments');
  await hub.home('edge-2', 'payments');
  await hub.namespace('elsewhere');
  await hub.namespace('c-bare');
  await hub.namespace('p-edge-1--bare', { 'paddock.dev/cluster': 'edge-1' });
  await hub.namespace('c-other', { 'paddock.dev/cluster': 'edge-1' });
  await hub.namespace('c-home', { 'paddock.dev/cluster': 'home', 'paddock.dev/project-home': 'payments' });
  await hub.namespace('lookalike', { 'paddock.dev/cluster': 'edge-1', 'paddock.dev/project-home': 'payments' });
  gitops = hub.person('gitops');
  await hub.grant(gitops, [onPaddock(['*'])]);
  bob = hub.person('bob');
  await hub.grant(bob, [onPaddock(['roletemplatebindings']), mayBind('project-member')], P);
  await hub.enforced(gitops, post(paddock('elsewhere', 'projects'), anObject('Project', { name: 'x' }, {})));
  await hub.enforced(gitops, post(bindingsIn('elsewhere'), aBinding('cluster-member', { global: EVERYWHERE })));
  await hub.enforced(bob, post(bindingsIn(P), aBinding('cluster-owner', inProject('payments'))));
}, 120_000);

afterAll(() => hub?.stop());

const KINDS: readonly (readonly [kind: string, plural: string, spec: object])[] = [
  ['Project', 'projects', {}],
  ['ClusterAccess', 'clusteraccesses', { user: 'gitops' }],
  ['EtcdBackup', 'etcdbackups', {}],
  ['EtcdSnapshot', 'etcdsnapshots', {}],
  ['EtcdRestore', 'etcdrestores', {}],
  ['Plan', 'plans', {}],
];

/** Serves the kinds whose schemas are not what is tested here, or not written yet, as anything goes. */
async function serveAllKinds(): Promise<void> {
  const { controlPlane } = hub.fleet.hub;
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  const definitions = KINDS.slice(2).map(([kind, plural]) => ({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.paddock.dev` },
    spec: {
      group: 'paddock.dev',
      scope: 'Namespaced',
      names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` },
      versions: [{ name: 'v1alpha1', served: true, storage: true, schema }],
    },
  }));
  const names = definitions.map(({ metadata }) => `crd/${metadata.name}`);
  const field = ['--server-side', '--force-conflicts', '--field-manager=paddock-dev'];
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: definitions });
  for (const [args, options] of [
    [['apply', ...field, '-f', '-'], { input }],
    [['wait', '--for=condition=Established', ...names], {}],
  ] as const) {
    const { code, stderr } = await controlPlane.kubectl(args, options);
    expect({ code, stderr }).toMatchObject({ code: 0 });
  }
}

describe.each(KINDS)('%s', (kind, plural, spec) => {
  const created = (namespace: string) =>
    dryRun(post(paddock(namespace, plural), anObject(kind, { name: 'placed' }, spec)));

  test('lives in c-<cluster>', async () => {
    isAccepted(await gitops.send(created(C)));
  });

  test.each([
    [
      'in the home of a project',
      P,
      /metadata\.namespace "p-edge-1--payments": a .*the home of a project: create the .* in c-edge-1/,
    ],
    ['in one without labels', 'elsewhere', /"elsewhere": .*has no label paddock\.dev\/cluster/],
    ['where the operators are', 'paddock-system', /"paddock-system": .*has no label paddock\.dev\/cluster/],
    ['in one that only has the name', 'c-bare', /"c-bare": .*has no label paddock\.dev\/cluster/],
    ['in one labelled for another', 'c-other', /"c-other": .*has paddock\.dev\/cluster=edge-1.*in c-edge-1/],
    ['in one that is a home as well', 'c-home', /"c-home": .*the home of a project/],
    ['in a lookalike', 'p-edge-1--bare', /"p-edge-1--bare": .*in c-edge-1/],
  ])('is refused %s, also to an admin', async (_what, namespace, message) => {
    for (const person of [gitops, hub.admin]) {
      const answer = await person.send(created(namespace));
      isRefused(answer, message);
      isRefused(answer, new RegExp(`a ${kind} lives in c-<cluster>`));
    }
  });

  test('is refused by server-side apply too', async () => {
    const path = (namespace: string) => `${paddock(namespace, plural)}/placed`;
    const body = anObject(kind, { name: 'placed' }, spec);

    isRefused(await gitops.send(dryRun(apply(path('elsewhere'), body))), /metadata\.namespace "elsewhere"/);
    isAccepted(await gitops.send(dryRun(apply(path(C), body))));
  });
});

const EVERYWHERE = { clusterSelector: {} };
const inCluster = (name: string) => ({ cluster: { name } });
const inProject = (name: string, cluster = 'edge-1') => ({ project: { cluster, name } });
const CLUSTER = 'cluster-member';
const PROJECT = 'project-member';

describe('a binding', () => {
  test.each<readonly [what: string, namespace: string, template: string, scope: object]>([
    ['of a cluster, in its c-', C, CLUSTER, inCluster('edge-1')],
    ['of a project, in the c- of its cluster', C, PROJECT, inProject('payments')],
    ['of a project, in its home', P, PROJECT, inProject('payments')],
    ['of all clusters, in paddock-system', 'paddock-system', CLUSTER, { global: EVERYWHERE }],
  ])('%s, is accepted', async (_what, namespace, template, scope) => {
    for (const person of [gitops, hub.admin])
      isAccepted(await person.send(dryRun(post(bindingsIn(namespace), aBinding(template, scope)))));
  });

  test.each<readonly [what: string, namespace: string, template: string, scope: object, message: RegExp]>([
    [
      'of another cluster',
      C,
      CLUSTER,
      inCluster('edge-2'),
      /spec\.scope\.cluster\.name "edge-2": .*create it in c-edge-2/,
    ],
    ['of a cluster, in a home', P, CLUSTER, inCluster('edge-1'), /spec\.scope\.cluster\.name "edge-1": .*lives in c-/],
    ['of a cluster, elsewhere', 'elsewhere', CLUSTER, inCluster('edge-1'), /spec\.scope\.cluster\.name "edge-1"/],
    ['of a cluster, in paddock-system', 'paddock-system', CLUSTER, inCluster('edge-1'), /spec\.scope\.cluster\.name/],
    ['of a cluster, in a lookalike', 'c-other', CLUSTER, inCluster('edge-1'), /spec\.scope\.cluster\.name "edge-1"/],
    ['of a cluster, in a c- that is a home', 'c-home', CLUSTER, inCluster('home'), /spec\.scope\.cluster\.name "home"/],
    [
      'of a project of another cluster, in c-',
      C,
      PROJECT,
      inProject('payments', 'edge-2'),
      /spec\.scope\.project\.cluster "edge-2": .*create it in c-edge-2 or p-edge-2--payments/,
    ],
    [
      'of a project of another cluster',
      P,
      PROJECT,
      inProject('payments', 'edge-2'),
      /spec\.scope\.project\.cluster "edge-2"/,
    ],
    [
      'of another project',
      P,
      PROJECT,
      inProject('web'),
      /spec\.scope\.project\.name "web": .*is the home of "payments"/,
    ],
    ['of a project, elsewhere', 'elsewhere', PROJECT, inProject('payments'), /spec\.scope\.project\.cluster "edge-1"/],
    [
      'of a project, in paddock-system',
      'paddock-system',
      PROJECT,
      inProject('payments'),
      /spec\.scope\.project\.cluster/,
    ],
    [
      'of a project, in a lookalike',
      'lookalike',
      PROJECT,
      inProject('payments'),
      /spec\.scope\.project\.cluster "edge-1"/,
    ],
    [
      'of a project, in a home without its label',
      'p-edge-1--bare',
      PROJECT,
      inProject('bare'),
      /spec\.scope\.project\.cluster/,
    ],
    [
      'of all clusters, in c-',
      C,
      CLUSTER,
      { global: EVERYWHERE },
      /spec\.scope\.global: .*create it in paddock-system/,
    ],
    ['of all clusters, in a home', P, CLUSTER, { global: EVERYWHERE }, /spec\.scope\.global/],
    ['of all clusters, elsewhere', 'elsewhere', CLUSTER, { global: EVERYWHERE }, /spec\.scope\.global/],
  ])('%s, is refused, also to an admin', async (_what, namespace, template, scope, message) => {
    for (const person of [gitops, hub.admin])
      isRefused(await person.send(dryRun(post(bindingsIn(namespace), aBinding(template, scope)))), message);
  });
});

describe('somebody who writes bindings in the home of a project', () => {
  const bind = (template: string, scope: object) => post(bindingsIn(P), aBinding(template, scope));

  test('gives the role that they may give, in that project', async () => {
    isAccepted(await bob.send(bind('project-member', inProject('payments'))));
  });

  test('can’t reach the cluster', async () => {
    // refused for the scope and for the role; the server names one reason of several
    const either =
      /spec\.scope\.(cluster\.name "edge-1"|global)|spec\.roleTemplateName "(cluster-owner|project-member)"/;
    for (const template of ['cluster-owner', 'project-member'])
      for (const scope of [inCluster('edge-1'), { global: EVERYWHERE }])
        isRefused(await bob.send(bind(template, scope)), either);
  });

  test('can’t reach another project, also one of the same name', async () => {
    isRefused(await bob.send(bind('project-member', inProject('web'))), /spec\.scope\.project\.name "web"/);
    isRefused(await bob.send(bind('project-member', inProject('system'))), /spec\.scope\.project\.name "system"/);
    isRefused(await bob.send(bind('project-member', inProject('payments', 'edge-2'))), /spec\.scope\.project\.cluster/);
  });

  test('can’t give the role of a cluster’s owner', async () => {
    isRefused(await bob.send(bind('cluster-owner', inProject('payments'))), /spec\.roleTemplateName "cluster-owner"/);
  });

  test('can’t move a binding: its scope is what it was', async () => {
    const scope = inProject('web');
    const patch = { method: 'PATCH', path: `${bindingsIn(P)}/given`, body: { spec: { scope } } } as const;

    expect(await bob.send(patch)).toMatchObject({ status: 422, body: expect.stringContaining('spec.scope') });
  });

  test('is not admitted where they have no rights', async () => {
    const elsewhere = post(bindingsIn(C), aBinding('project-member', inProject('payments')));

    expect(await bob.send(elsewhere)).toMatchObject({ status: 403 });
  });
});

test('it is the policies that refuse', async () => {
  const project = post(paddock('elsewhere', 'projects'), anObject('Project', { name: 'x' }, {}));
  await hub.passesWithout('paddock-placement', gitops, project);
  const ofAnother = post(bindingsIn(P), aBinding('project-member', inProject('web'), { name: 'of-another' }));
  await hub.passesWithout('paddock-binding-scope', bob, ofAnother);
});
