import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as yaml from 'js-yaml';
import { LABEL_CLUSTER, type RoleTemplate } from '#api';
import { namespaceGone } from '../support/cluster-objects.ts';
import { eventually } from '../support/eventually.ts';
import type { Person } from '../support/person.ts';
import type { UserRequest } from '../support/token-user.ts';
import { apply, core, get, jsonPatch, PADDOCK, paddock, patch, post, put, remove } from './agent-requests.ts';
import {
  ALICE,
  anObject,
  CONTROLLERS,
  dryRun,
  isAccepted,
  isRefused,
  NAMESPACES,
  onPaddock,
  PolicyHub,
  RBAC,
  type Rule,
  WAYS,
} from './policy-hub.ts';

const C = 'c-edge-1';
const OURS = 'paddock.dev/rbac';
const AT = ['metadata', 'finalizers'];
const binding = { roleTemplateName: 'cluster-member', subjects: [ALICE], scope: { cluster: { name: 'edge-1' } } };
/** An object of each kind. */
const SPECS: Readonly<Record<string, object>> = {
  Cluster: { connection: { agent: {} } },
  ClusterAccess: { user: 'alice', ttl: '1h' },
  Project: {},
  RoleTemplate: { context: 'Cluster' },
  RoleTemplateBinding: binding,
};

interface Crd {
  readonly spec: { readonly scope: string; readonly names: { readonly kind: string; readonly plural: string } };
}
const CRDS = join(import.meta.dirname, '..', '..', 'crds');
const KINDS = readdirSync(CRDS)
  .map(file => (yaml.load(readFileSync(join(CRDS, file), 'utf8')) as Crd).spec)
  .map(({ names, scope }) => ({ ...names, namespaced: scope === 'Namespaced' }));
type Kind = (typeof KINDS)[number];

let hub: PolicyHub;
/** Writes every object of ours, and every status. */
let writer: Person;
/** The same, and may put finalizers on and take them off. */
let keeper: Person;

beforeAll(async () => {
  hub = await PolicyHub.start();
  await hub.cluster('edge-1');
  await hub.home('edge-1', 'held');
  [writer, keeper] = [hub.person('writer'), hub.person('keeper')];
  const kinds = KINDS.map(({ plural }) => plural);
  const writes = onPaddock([...kinds, ...kinds.map(kind => `${kind}/status`)]);
  await hub.grant(writer, [writes]);
  const finalizers = kinds.map(kind => `${kind}/finalizers`);
  await hub.grant(keeper, [writes, onPaddock(finalizers, ['update'])]);
  // near misses: other verbs, other subresources, another object
  await hub.grant(writer, [
    onPaddock(finalizers, ['patch', 'get', 'delete']),
    { ...onPaddock(finalizers, ['update']), resourceNames: ['another'] },
  ]);
  const path = await held('RoleTemplateBinding', 'first');
  await hub.enforced(writer, patch(path, { metadata: { finalizers: [] } }));
}, 120_000);

afterAll(() => hub?.stop());

/** Where an object of this kind is. */
function pathOf({ plural, namespaced }: Kind, name: string): string {
  return namespaced ? paddock(C, `${plural}/${name}`) : `${PADDOCK}/${plural}/${name}`;
}

function kindOf(kind: string): Kind {
  const found = KINDS.find(each => each.kind === kind);
  if (!found) throw new Error(`there is no CRD of ${kind}`);
  return found;
}

/** Makes an object whose finalizers are one applier's alone, so that they go, too, when that one applies it without. */
async function held(kind: string, name: string, finalizers: readonly string[] = [OURS]): Promise<string> {
  const path = pathOf(kindOf(kind), name);
  await hub.make(apply(path, anObject(kind, { name, finalizers }, SPECS[kind] ?? {})));
  return path;
}

/** What is applied says all that this applier wants: without a spec, none. */
function whole({ body, ...request }: UserRequest, spec: object | undefined): UserRequest {
  return { ...request, body: request.contentType?.includes('apply') ? { ...body, spec } : (body ?? {}) };
}

const refusal = (path: string, who: string, finalizer = OURS) => {
  const [name = '', plural = ''] = path.split('/').reverse();
  const where = path.includes(`/${C}/`) ? ` in namespace "${C}"` : '';
  const holds = `the verb update on ${plural}\\.paddock\\.dev/finalizers "${name}"${where} takes it off`;
  return new RegExp(`metadata\\.finalizers "${finalizer}": only one who holds ${holds}; "${who}" does not: leave it`);
};

const puttingOn = (path: string, who: string, finalizer: string) => {
  const [name = '', plural = ''] = path.split('/').reverse();
  const right = `update on ${plural}\\.paddock\\.dev/finalizers "${name}".*puts it on.*"${who}" does not`;
  return new RegExp(`metadata\\.finalizers "${finalizer}": only one who holds the verb ${right}: leave it out`);
};

test('every kind is asked about', () => {
  expect(KINDS.map(({ kind }) => kind).sort()).toEqual(Object.keys(SPECS).sort());
});

describe.each(Object.keys(SPECS))('a new %s', kind => {
  test.each([OURS, 'a.example/hold', 'orphan'])('has finalizer %s only by one who may', async finalizer => {
    const path = pathOf(kindOf(kind), 'born');
    const body = anObject(kind, { name: 'born', finalizers: [finalizer] }, SPECS[kind] ?? {});
    const collection = path.slice(0, path.lastIndexOf('/'));
    for (const request of [dryRun(post(collection, body)), dryRun(apply(path, body))]) {
      const refused = await writer.send(request);
      if (kind !== 'RoleTemplateBinding' && kind !== 'ClusterAccess' && kind !== 'RoleTemplate')
        isRefused(refused, puttingOn(path, 'writer', finalizer));
      else expect(refused).toMatchObject({ status: 422 }); // other policies refuse, too
      isAccepted(await hub.admin.send(request));
    }
  });
});

describe.each(Object.keys(SPECS))('a finalizer of ours on a %s', kind => {
  let path: string;
  beforeAll(async () => {
    path = await held(kind, 'kept');
  });

  test.each(WAYS)('(%s) is taken off only by one who may', async (_what, way) => {
    const request = dryRun(whole(way({ path, current: await hub.read(path), at: AT, value: [] }), SPECS[kind]));

    isRefused(await writer.send(request), refusal(path, 'writer'));
    isAccepted(await keeper.send(request));
    isAccepted(await hub.admin.send(request));
  });

  test.each(WAYS)('(%s) is not there to be taken off by way of the status', async (_what, way) => {
    const change = { path: `${path}/status`, current: await hub.read(path), at: AT, value: [] };

    isAccepted(await writer.send(way(change)));

    expect((await hub.read(path)).metadata).toMatchObject({ finalizers: [OURS] });
  });

  test('stays while the object is being deleted', async () => {
    const going = await held(kind, 'going');
    isAccepted(await writer.send(remove(going)));

    for (const finalizers of [[], null])
      isRefused(await writer.send(patch(going, { metadata: { finalizers } })), refusal(going, 'writer'));
    isAccepted(await keeper.send(patch(going, { metadata: { finalizers: null } })));
    expect(await hub.admin.send(get(going))).toMatchObject({ status: 404 });
  });
});

describe('of the finalizers of an object', () => {
  const both = [OURS, 'a.example/b', 'paddock.dev/project'];
  const withFinalizers = (finalizers: readonly string[] | null) => ({ metadata: { finalizers } });
  const bare = (metadata: object) => anObject('RoleTemplateBinding', { name: 'several', ...metadata }, binding);
  let path: string;
  beforeAll(async () => {
    path = await held('RoleTemplateBinding', 'several', both);
  });

  test.each<readonly [what: string, request: (version: unknown) => UserRequest, named?: string]>([
    ['one of ours', () => patch(path, withFinalizers([OURS, 'a.example/b'])), 'paddock.dev/project'],
    ['one for another', () => patch(path, withFinalizers(['paddock.dev/x', ...both.slice(1)]))],
    ['one by its place', () => jsonPatch(path, [{ op: 'remove', path: '/metadata/finalizers/0' }])],
    ['all by their place', () => jsonPatch(path, [{ op: 'remove', path: '/metadata/finalizers' }])],
    ['all by a body that has none', resourceVersion => put(path, bare({ resourceVersion }))],
    ['one by who applied it', () => apply(path, bare({ finalizers: both.slice(1) }))],
  ])('%s is taken off only by one who may', async (_what, request, named = OURS) => {
    const asked = dryRun(request((await hub.read(path)).metadata.resourceVersion));

    isRefused(await writer.send(asked), refusal(path, 'writer', named));
    isAccepted(await keeper.send(asked));
  });

  test('others may be taken off and all change places by whoever may write it', async () => {
    for (const finalizers of [[OURS, 'paddock.dev/project'], [...both].reverse()])
      isAccepted(await writer.send(dryRun(patch(path, withFinalizers(finalizers)))));
  });

  test.each(['paddock.dev/y', 'a.example/c', 'foregroundDeletion'])('%s is put on only by one who may', async added => {
    const request = dryRun(patch(path, withFinalizers([...both, added])));
    isRefused(await writer.send(request), puttingOn(path, 'writer', added));
    isAccepted(await keeper.send(request));
    isAccepted(await hub.admin.send(request));
  });

  test('what leaves them as they are takes no more than the right to write', async () => {
    for (const change of [{ metadata: { labels: { team: 'blue' } } }, withFinalizers(both)])
      isAccepted(await writer.send(dryRun(patch(path, change))));
  });

  test('more than a hundred are changed only by one who may, and at once', async () => {
    const many = Array.from({ length: 20_000 }, (_, index) => `paddock.dev/n-${index}`);
    const crowded = await held('RoleTemplateBinding', 'crowded', [OURS, ...many]);
    const fewer = dryRun(patch(crowded, withFinalizers(many)));

    isRefused(
      await writer.send(fewer),
      /metadata\.finalizers: only one .* changes more than 100 of them; "writer" does not/,
    );
    isRefused(await writer.send(dryRun(patch(path, withFinalizers([...both, ...many.slice(0, 98)])))), /more than 100/);
    isRefused(await writer.send(dryRun(patch(path, withFinalizers([...both, ...many.slice(0, 97)])))), /puts it on/);
    isAccepted(await hub.operator('rbac').send(fewer));
    isAccepted(await keeper.send(dryRun(patch(crowded, withFinalizers(null)))));
  });
});

describe('the right to take them off', () => {
  test('is our operators’, of the kinds that they put them on, and in no role of agents or people', async () => {
    const { items } = (await hub.read(`${RBAC}/clusterroles`)) as unknown as { items: readonly Role[] };
    const ours = items
      .filter(({ metadata }) => metadata.name.startsWith('paddock'))
      .flatMap(({ metadata, rules }) => finalizersIn(rules).map(resource => `${metadata.name}: ${resource}`));
    expect(ours.sort()).toEqual([
      'paddock-cluster: clusters/finalizers',
      'paddock-project: projects/finalizers',
      'paddock-rbac: clusteraccesses/finalizers',
      'paddock-rbac: roletemplatebindings/finalizers',
    ]);

    const templates = (await hub.read(`${PADDOCK}/roletemplates`)) as unknown as { items: readonly RoleTemplate[] };
    expect(templates.items.length).toBeGreaterThan(5);
    for (const { spec } of templates.items) expect(finalizersIn(spec.hubRules ?? [])).toEqual([]);
  });

  test.each([
    ['cluster', 'Cluster'],
    ['project', 'Project'],
    ['rbac', 'RoleTemplateBinding'],
    ['rbac', 'ClusterAccess'],
  ])('paddock-%s takes its own off a %s', async (operator, kind) => {
    const finalizer = `paddock.dev/${operator}`;
    const path = await held(kind, 'done', [finalizer, 'a.example/b']);

    isAccepted(await hub.operator(operator).send(patch(path, { metadata: { finalizers: ['a.example/b'] } })));

    expect((await hub.read(path)).metadata).toMatchObject({ finalizers: ['a.example/b'] });
  });
});

describe.each([
  ['Secret', 'secrets'],
  ['ConfigMap', 'configmaps'],
])('a %s in a namespace of a cluster or project', (kind, plural) => {
  const HOLD = { finalizers: ['a.example/hold'] };
  const right = (namespace: string, name: string) =>
    new RegExp(
      `metadata\\.finalizers "a\\.example/hold": only one who holds the verb update on ${plural}/finalizers "${name}" in namespace "${namespace}" puts it on`,
    );
  beforeAll(async () => {
    await hub.grant(writer, [{ apiGroups: [''], resources: [plural], verbs: ['*'] }]);
    await hub.grant(keeper, [
      { apiGroups: [''], resources: [plural], verbs: ['*'] },
      { apiGroups: [''], resources: [`${plural}/finalizers`], verbs: ['update'] },
    ]);
  });

  test.each([C, 'p-edge-1--held'])('(%s) has a finalizer only by one who may', async namespace => {
    const body = { apiVersion: 'v1', kind, metadata: { name: 'born', ...HOLD } };
    const path = core(namespace, plural);
    for (const request of [post(path, body), apply(`${path}/born`, body)]) {
      isRefused(await writer.send(dryRun(request)), right(namespace, 'born'));
      isAccepted(await keeper.send(dryRun(request)));
    }
    await hub.make(post(path, { metadata: { name: 'there' } }));
    const current = await hub.read(`${path}/there`);
    for (const [, way] of WAYS) {
      const request = dryRun(way({ path: `${path}/there`, current, at: AT, value: HOLD.finalizers }));
      isRefused(await writer.send(request), right(namespace, 'there'));
      isAccepted(await keeper.send(request));
    }
    isAccepted(await writer.send(patch(`${path}/there`, { metadata: { labels: { team: 'blue' } } })));
    isAccepted(await hub.admin.send(patch(`${path}/there`, { metadata: HOLD })));
    isAccepted(await writer.send(patch(`${path}/there`, { metadata: { finalizers: null } })));
  });

  test('anywhere else has whatever its writer likes', async () => {
    isAccepted(await writer.send(dryRun(post(core('default', plural), { metadata: { name: 'own', ...HOLD } }))));
  });
});

interface Role {
  readonly metadata: { readonly name: string };
  readonly rules: readonly Rule[];
}

/** The resources by which these rules let finalizers of ours be taken off. */
function finalizersIn(rules: readonly Rule[]): string[] {
  const ofOurs = rules.filter(({ apiGroups }) => ['paddock.dev', '*'].some(group => apiGroups?.includes(group)));
  return ofOurs.flatMap(({ resources }) => resources.filter(each => /^\*|\/(finalizers|\*)$/.test(each)));
}

/** The garbage collector looks for new kinds every 30 s; what is deleted in the foreground before, waits for nothing. */
async function collectorKnowsBindings(): Promise<void> {
  const uid = '00000000-0000-0000-0000-000000000000';
  const ownerReferences = [{ apiVersion: 'paddock.dev/v1alpha1', kind: 'Project', name: 'never-was', uid }];
  const orphan = pathOf(kindOf('RoleTemplateBinding'), 'orphan');
  await hub.make(apply(orphan, anObject('RoleTemplateBinding', { name: 'orphan', ownerReferences }, binding)));
  await eventually(async () => (await hub.admin.send(get(orphan))).status === 404, {
    timeoutMs: 90_000,
    what: 'a binding without an owner is collected',
  });
}

describe('Kubernetes itself is not held up', () => {
  test.each(CONTROLLERS)('%s takes off what the API server put on', async user => {
    const path = await held('Project', 'collected', ['foregroundDeletion', OURS]);
    isAccepted(await hub.controller(user).send(dryRun(patch(path, { metadata: { finalizers: [OURS] } }))));
  });

  test.each(['Foreground', 'Orphan'])('who may delete, may so with %s', async policy => {
    const path = await held('Project', `goes-${policy.toLowerCase()}`, ['a.example/hold']);
    isAccepted(await writer.send(remove(`${path}?propagationPolicy=${policy}`)));
    await hub.make(patch(path, { metadata: { finalizers: null } }));
  });

  test('a namespace goes with all that is in it as soon as what holds it is done', async () => {
    await hub.namespace('c-gone', { [LABEL_CLUSTER]: 'gone' });
    const scope = { cluster: { name: 'gone' } };
    const body = anObject('RoleTemplateBinding', { name: 'last', finalizers: [OURS] }, { ...binding, scope });
    const last = paddock('c-gone', 'roletemplatebindings/last');
    await hub.make(apply(last, body));

    await hub.make(remove(`${NAMESPACES}/c-gone`));
    await eventually(async () => (await hub.read(last)).metadata.deletionTimestamp !== undefined, {
      timeoutMs: 30_000,
      what: 'the binding is being deleted with its namespace',
    });
    isAccepted(await hub.operator('rbac').send(patch(last, { metadata: { finalizers: null } })));

    await namespaceGone(hub.fleet.hub.client, 'c-gone');
  });

  test('garbage is collected in the foreground', async () => {
    await collectorKnowsBindings();
    const owner = await held('Project', 'owner');
    const { uid } = (await hub.read(owner)).metadata;
    const ref = { apiVersion: 'paddock.dev/v1alpha1', kind: 'Project', name: 'owner', uid, blockOwnerDeletion: true };
    const owned = pathOf(kindOf('RoleTemplateBinding'), 'owned');
    const metadata = { name: 'owned', finalizers: [OURS], ownerReferences: [ref] };
    await hub.make(apply(owned, anObject('RoleTemplateBinding', metadata, binding)));

    await hub.make(remove(`${owner}?propagationPolicy=Foreground`));
    await eventually(async () => (await hub.read(owned)).metadata.deletionTimestamp !== undefined, {
      timeoutMs: 30_000,
      what: 'what it owns is being deleted',
    });
    expect((await hub.read(owner)).metadata.finalizers).toEqual(expect.arrayContaining([OURS, 'foregroundDeletion']));
    isAccepted(await hub.operator('rbac').send(patch(owned, { metadata: { finalizers: null } })));

    await eventually(async () => `${(await hub.read(owner)).metadata.finalizers}` === OURS, {
      timeoutMs: 30_000,
      what: 'only our finalizer is left on the owner',
    });
    isAccepted(await hub.operator('project').send(patch(owner, { metadata: { finalizers: null } })));
  }, 200_000);
});

test('it is the policy that refuses', async () => {
  const path = await held('RoleTemplateBinding', 'mine');
  await hub.passesWithout('paddock-finalizers', writer, patch(path, { metadata: { finalizers: [] } }));
});
