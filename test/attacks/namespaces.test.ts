import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ANNOTATION_OWN_POD_SECURITY, LABEL_PROJECT, ProjectResource } from '#api';
import { Namespaces } from '#runtime';
import { RoleBindings, Roles } from '../../operators/engagement/rbac-kinds.ts';
import { apply, core, get, patch, post, put } from '../integration/agent-requests.ts';
import { dryRun, isAccepted, isRefused, NAMESPACES, PUT, WAYS } from '../integration/policy-hub.ts';
import { user } from '../support/access-fleet.ts';
import { eventually } from '../support/eventually.ts';
import { SecretType, type Site } from '../support/fleet.ts';
import { aNamespace, aSecret } from '../support/objects.ts';
import type { Person } from '../support/person.ts';
import type { UserRequest } from '../support/token-user.ts';
import { adminOf, answerTo, asAdmin, enforced, isGuarded } from './guard.ts';
import {
  ENFORCE,
  giveEverywhere,
  moveBack,
  ON_NAMESPACES,
  type PeopledCluster,
  relabel,
  startPeopledCluster,
} from './peopled-cluster.ts';

const WITHIN = { timeoutMs: 20_000 };

let cluster: PeopledCluster;
let edge: Site;
/** Owns project blue, as olga does, and may write every namespace by plain RBAC besides. */
let otto: Person;

beforeAll(async () => {
  cluster = await startPeopledCluster();
  const { fleet } = cluster;
  edge = fleet.fleet.edge();
  otto = fleet.person('otto');
  await fleet.bind('otto', 'project-owner', [user('otto')], { project: 'blue' });
  await giveEverywhere(fleet, otto, [ON_NAMESPACES]);
  await fleet.until(true, otto, 'manage-namespaces projects.paddock.dev blue');
  await fleet.until(true, otto, 'patch namespaces/finalize');
  for (const name of ['free', 'nells']) await fleet.downstream.create(Namespaces, {}, aNamespace(name));
  await fleet.hub.create(SecretType, { namespace: 'p-edge-1--red' }, aSecret('db').shared().build('p-edge-1--red'));
}, 180_000);

afterAll(() => cluster?.fleet.stop());

/** What project blue’s owner has in a namespace that is in it, and that he brings it back in the end. */
const isHis = (namespace: string, home: string | null) => async () => {
  await cluster.fleet.until(true, otto, 'get secrets', namespace);
  await moveBack(cluster.fleet, namespace, home);
  await cluster.fleet.until(false, otto, 'get secrets', namespace);
};
const MEMBERSHIP = ['paddock-membership'];

describe('a namespace that is not theirs', () => {
  // Only the project that a namespace was to go to was asked about, if at all: it was taken from the one it was in.
  test('CVE-2020-10676: an owner pulls a namespace out of another’s project into theirs', async () => {
    const request = relabel('red-1', 'blue');
    expect((await cluster.olga.send(request)).status).toBe(403); // the built-in role does not reach it at all
    await isGuarded(edge, { who: otto, request, guards: MEMBERSHIP }, isHis('red-1', 'red'));
  });

  test('CVE-2020-10676: an owner pushes a namespace into another’s project', async () => {
    await isGuarded(edge, { who: cluster.olga, request: relabel('blue-1', 'red'), guards: MEMBERSHIP });
  });

  // Capsule’s webhook had nothing against an owner who patched a namespace that belonged to no tenant.
  test.each(['free', 'kube-system'])(
    'CVE-2024-39690: an owner takes namespace %s, which is in no project',
    async name => {
      expect((await cluster.olga.send(relabel(name, 'blue'))).status).toBe(403);
      const attack = { who: otto, request: relabel(name, 'blue'), guards: MEMBERSHIP };
      await isGuarded(edge, attack, isHis(name, null));
    },
  );

  // The same by the subresources, which Capsule’s webhook was not asked about.
  test('GHSA-2ww6-hf35-mfjm: an owner takes a namespace by namespaces/status', async () => {
    const request = relabel('free', 'blue', '/status');
    await isGuarded(edge, { who: otto, request, guards: MEMBERSHIP }, isHis('free', null));
  });

  test('GHSA-2ww6-hf35-mfjm: an owner takes a namespace by namespaces/finalize', async () => {
    const { spec } = await asAdmin(edge, get(`${NAMESPACES}/free`));
    const metadata = { name: 'free', labels: { [LABEL_PROJECT]: 'blue' } };
    const request = put(`${NAMESPACES}/free/finalize`, { apiVersion: 'v1', kind: 'Namespace', metadata, spec });
    await isGuarded(edge, { who: otto, request, guards: MEMBERSHIP }, isHis('free', null));
  });

  // Labels that tenants put on system namespaces had those counted as a tenant’s. Here: to be given what it shares.
  test('CVE-2025-55205: a label on one’s own namespace has another project’s Secrets delivered into it', async () => {
    const { fleet, nell } = cluster;
    const rules = [{ apiGroups: [''], resources: ['secrets'], verbs: ['get'] }];
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'own' };
    const subjects = [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'nell' } as const];
    await fleet.downstream.create(Roles, { namespace: 'nells' }, { metadata: { name: 'own' }, rules });
    await fleet.downstream.create(
      RoleBindings,
      { namespace: 'nells' },
      { metadata: { name: 'own' }, roleRef, subjects },
    );
    await fleet.until(true, nell, 'get secrets', 'nells');
    const reads = async (status: number) => {
      const read = async () => (await nell.send(get(core('nells', 'secrets/db')))).status === status;
      await eventually(read, { ...WITHIN, what: `the Secret is answered with ${status}` });
    };

    await isGuarded(edge, { who: nell, request: relabel('nells', 'red'), guards: MEMBERSHIP }, async () => {
      await reads(200);
      await moveBack(fleet, 'nells', null);
      await reads(404);
    });
  });

  test('CVE-2025-55205: a namespace is created with another project’s label', async () => {
    const request = post(NAMESPACES, { metadata: { name: 'new', labels: { [LABEL_PROJECT]: 'red' } } });
    for (const who of [cluster.olga, cluster.nell])
      await isGuarded(edge, { who, request, guards: ['paddock-namespace-creation'] });
  });

  // The operator itself put every namespace of such a name into project system, with its Secrets and ways past isolation.
  test('a member makes a namespace that is taken for one of Kubernetes', async () => {
    const metadata = { labels: { [LABEL_PROJECT]: 'blue' } };
    for (const names of [{ name: 'kube-evil' }, { name: 'kube-flannel' }, { generateName: 'kube-' }])
      for (const labelled of [metadata, {}])
        isRefused(
          await cluster.olga.send(dryRun(post(NAMESPACES, { metadata: { ...labelled, ...names } }))),
          /names that begin with kube- are reserved for Kubernetes/,
        );
    const request = post(NAMESPACES, { metadata: { ...metadata, name: 'kube-evil' } });
    await isGuarded(edge, { who: cluster.olga, request, guards: ['paddock-namespace-creation'] }, async () => {
      const { fleet } = cluster;
      await moveBack(fleet, 'kube-evil', null); // as she could herself, before that took the rights on all projects
      await fleet.until(false, cluster.olga, 'get secrets', 'kube-evil');
      const { metadata: now } = await fleet.downstream.get(Namespaces, { name: 'kube-evil' });
      expect(now?.labels).not.toHaveProperty([LABEL_PROJECT]);
      await fleet.downstream.delete(Namespaces, { name: 'kube-evil' });
    });
  });

  test.each(['p-edge-1--red', 'c-edge-1', 'paddock-x'])('a member makes %s, which is in no project', async name => {
    const request = post(NAMESPACES, { metadata: { name, labels: { [LABEL_PROJECT]: 'blue' } } });
    await isGuarded(edge, { who: cluster.olga, request, guards: ['paddock-namespace-creation'] });
  });
});

describe('what holds a project’s namespaces down', () => {
  // An account in a tenant’s namespace took off what tied it to the tenant, and nothing was enforced in it any more.
  test('CVE-2022-46167: an account that may patch its own namespace takes it out of the project', async () => {
    const { fleet } = cluster;
    await fleet.hub.mergePatch(
      ProjectResource,
      { namespace: 'c-edge-1', name: 'blue' },
      { spec: { namespaceLabels: { held: 'down' } } },
    );
    const heldDown = async (held: string | undefined) => {
      const label = async () => (await fleet.downstream.get(Namespaces, { name: 'blue-1' })).metadata?.labels?.held;
      await eventually(async () => (await label()) === held, { ...WITHIN, what: `the label is ${held}` });
    };
    await heldDown('down');
    const bot = fleet.person('system:serviceaccount:blue-1:bot');
    const rules = [{ apiGroups: [''], resources: ['namespaces'], resourceNames: ['blue-1'], verbs: ['get', 'patch'] }];
    await giveEverywhere(fleet, bot, rules);
    await fleet.until(true, bot, 'patch namespaces blue-1', 'blue-1');

    await isGuarded(edge, { who: bot, request: relabel('blue-1', null), guards: MEMBERSHIP }, async () => {
      await heldDown(undefined);
      await moveBack(fleet, 'blue-1', 'blue');
      await heldDown('down');
    });
  });

  const privileged = (namespace: string, value: string | null = 'privileged'): UserRequest =>
    patch(`${NAMESPACES}/${namespace}`, { metadata: { labels: { [ENFORCE]: value } } });
  const LIMITS = ['paddock-namespace-limits'];

  // Project owners could change the Pod Security labels of their namespaces, and so reach the host.
  test('CVE-2026-41052: a project owner lifts Pod Security from their namespace', async () => {
    const { fleet, olga } = cluster;
    await isGuarded(edge, { who: olga, request: privileged('blue-1'), guards: LIMITS }, async () => {
      const { metadata } = await fleet.downstream.get(Namespaces, { name: 'blue-1' });
      expect(metadata?.labels?.[ENFORCE]).toBe('privileged');
      // and what Paddock has recorded as the namespace's own
      const undone = { labels: { [ENFORCE]: null }, annotations: { [ANNOTATION_OWN_POD_SECURITY]: null } };
      await fleet.downstream.mergePatch(Namespaces, { name: 'blue-1' }, { metadata: undone });
    });
    const labels = { [LABEL_PROJECT]: 'blue', [ENFORCE]: 'privileged' };
    await isGuarded(edge, {
      who: olga,
      request: post(NAMESPACES, { metadata: { name: 'new', labels } }),
      guards: LIMITS,
    });
  });

  describe.each(['', '/status', '/finalize'])('by namespaces%s', path => {
    test.each(path === '/finalize' ? [PUT] : WAYS)(
      'CVE-2026-41052: Pod Security is lifted with %s',
      async (_way, request) => {
        const at = ['metadata', 'labels', ENFORCE];
        const change = async () => {
          const current = await asAdmin(edge, get(`${NAMESPACES}/blue-1`));
          return dryRun(request({ path: `${NAMESPACES}/blue-1${path}`, current, at, value: 'privileged' }));
        };
        isRefused(await answerTo(otto, change), /enforce\]/);
        isAccepted(await answerTo(adminOf(edge), change));
      },
    );
  });

  // Once a namespace is out of the project its owner has rights in it until these are taken, too.
  test('CVE-2026-41052: a project owner lifts Pod Security from a namespace that was just taken out', async () => {
    const { fleet, olga } = cluster;
    await fleet.member('blue-2', 'blue');
    await fleet.downstream.mergePatch(
      Namespaces,
      { name: 'blue-2' },
      { metadata: { labels: { [ENFORCE]: 'baseline' } } },
    );
    await fleet.until(true, olga, 'patch namespaces blue-2', 'blue-2');
    await enforced({ who: olga, request: privileged('blue-2') });
    await fleet.whileDown(async () => {
      await moveBack(fleet, 'blue-2', null);
      for (const who of [olga, otto])
        for (const value of ['privileged', null])
          await isGuarded(edge, { who, request: privileged('blue-2', value), guards: LIMITS });
    });
    await fleet.until(false, olga, 'patch namespaces blue-2', 'blue-2');
  });

  // What she has planted meanwhile would run as soon as nothing holds it down.
  test.each([null, ''])('a project owner takes the namespace out of the project: the label becomes %j', async value => {
    const { fleet, olga } = cluster;
    for (const path of ['', '/status', '/finalize'])
      for (const [, make] of path === '' ? WAYS : [PUT]) {
        const current = async () => await asAdmin(edge, get(`${NAMESPACES}/blue-1`));
        const at = ['metadata', 'labels', LABEL_PROJECT];
        // an apply by one who did not set it takes nothing off
        const request = async () =>
          dryRun(make({ path: `${NAMESPACES}/blue-1${path}`, current: await current(), at, value: value ?? '' }));
        isRefused(await answerTo(otto, request), /project\] "blue": .*puts it into none/);
      }
    await isGuarded(edge, { who: olga, request: relabel('blue-1', value), guards: MEMBERSHIP }, async () => {
      await fleet.until(false, olga, 'get secrets', 'blue-1');
      await moveBack(fleet, 'blue-1', 'blue');
      await fleet.until(true, olga, 'get secrets', 'blue-1');
    });
  });

  // The operator takes off what is its own by the field manager: she has it take the label off for her.
  test('a project owner makes the label Paddock’s own, and the operator removes it', async () => {
    const { fleet, olga } = cluster;
    const name = 'blue-deputy';
    const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: { [LABEL_PROJECT]: 'blue' } } };
    await fleet.member(name, 'blue');
    await fleet.until(true, olga, `patch namespaces ${name}`, name);
    const asPaddock = apply(`${NAMESPACES}/${name}`, body);
    const request = { ...asPaddock, path: asPaddock.path.replace('fieldManager=test', 'fieldManager=paddock-project') };
    await isGuarded(edge, { who: olga, request, guards: LIMITS });

    const { metadata, ...rest } = await asAdmin(edge, get(`${NAMESPACES}/${name}`));
    const fieldsV1 = { 'f:metadata': { 'f:labels': { [`f:${LABEL_PROJECT}`]: {} } } };
    const entry = {
      manager: 'paddock-project',
      operation: 'Apply',
      apiVersion: 'v1',
      fieldsType: 'FieldsV1',
      fieldsV1,
    };
    const { resourceVersion: _, ...kept } = metadata;
    const claim = put(`${NAMESPACES}/${name}`, { ...rest, metadata: { ...kept, managedFields: [entry] } });
    await isGuarded(edge, { who: olga, request: claim, guards: LIMITS }, async () => {
      await fleet.until(false, olga, `patch namespaces ${name}`, name);
      const { metadata: now } = await fleet.downstream.get(Namespaces, { name });
      expect(now?.labels).not.toHaveProperty([LABEL_PROJECT]);
      await moveBack(fleet, name, 'blue');
      await fleet.until(true, olga, `patch namespaces ${name}`, name);
    });
  });
});
