import { describe, expect, test } from '@jest/globals';
import { ApiError, type JsonPatch, type KubeObject } from '#runtime';
import { ClusterRoles, type PolicyRule, RoleBindings, type RoleObject, type Subject } from './rbac-kinds.ts';
import { commonRules, type Revoker, reduction, revoke } from './revocation.ts';
import { ServiceAccounts } from './service-account.ts';

const HOLD = ['other.example.com/hold'];
const DELETED = '2026-01-01T00:00:00Z';
const user = (name: string): Subject => ({ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name });
const bound = (...names: readonly string[]) => ({ subjects: names.map(user) });
const named = (metadata: KubeObject['metadata'] = {}) => ({
  metadata: { name: 'a', namespace: 'b', uid: 'u', ...metadata },
});
const rule = (verbs: string[], rest: Partial<PolicyRule> = {}): PolicyRule => ({
  verbs,
  apiGroups: [''],
  resources: ['pods'],
  ...rest,
});

/** A server that keeps one object, on which a finalizer is put before the delete, if at all. */
function aServer(object: KubeObject, { meanwhile = [] as readonly string[] } = {}) {
  const calls: string[] = [];
  let kept: KubeObject | undefined = object;
  const client: Revoker = {
    delete: async () => {
      calls.push('delete');
      const finalizers = [...(kept?.metadata?.finalizers ?? []), ...meanwhile];
      kept =
        finalizers.length === 0
          ? undefined
          : { ...kept, metadata: { ...kept?.metadata, finalizers, deletionTimestamp: DELETED } };
      return kept;
    },
    jsonPatch: async (_type: unknown, _key: unknown, patch: JsonPatch) => {
      calls.push(`patch ${patch.slice(1).map(({ op, path }) => `${op} ${path}`)}`);
      if (!kept) throw new ApiError(404, { reason: 'NotFound', message: 'gone' }, 'PATCH');
      for (const each of patch)
        if (each.op === 'replace' && each.path === '/subjects') kept = { ...kept, subjects: each.value } as KubeObject;
      return kept as never;
    },
  };
  return { client, calls };
}

describe('an object loses all that it grants', () => {
  const signal = new AbortController().signal;

  test.each([
    ['by one delete', named(), {}, ['delete']],
    [
      'before its delete, where a finalizer would keep it',
      named({ finalizers: HOLD }),
      {},
      ['patch replace /subjects', 'delete'],
    ],
    [
      'after its delete, where a finalizer came in between',
      named(),
      { meanwhile: HOLD },
      ['delete', 'patch replace /subjects'],
    ],
    [
      'without a delete, where it is Terminating',
      named({ finalizers: HOLD, deletionTimestamp: DELETED }),
      {},
      ['patch replace /subjects'],
    ],
  ] as const)('%s', async (_how, meta, race, calls) => {
    const server = aServer({ ...meta, ...bound('anna') }, race);
    const left = await revoke(
      server.client,
      RoleBindings,
      { ...meta, ...bound('anna'), roleRef: { apiGroup: '', kind: '', name: '' } },
      signal,
    );
    expect(server.calls).toEqual(calls);
    expect(left?.metadata?.deletionTimestamp).toBe(calls.length === 1 && calls[0] === 'delete' ? undefined : DELETED);
  });

  test('once: nothing is written for one that is Terminating and grants nothing', async () => {
    const object = {
      ...named({ finalizers: HOLD, deletionTimestamp: DELETED }),
      subjects: [],
      roleRef: { apiGroup: '', kind: '', name: '' },
    };
    const server = aServer(object);
    await revoke(server.client, RoleBindings, object, signal);
    expect(server.calls).toEqual([]);
  });
});

describe('an object keeps what it has of a grant', () => {
  const paths = (type: typeof ClusterRoles, has: RoleObject, grant: RoleObject = {}) =>
    reduction(type, has, grant).map(({ op, path }) => `${op} ${path}`);
  const aggregates = {
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] },
    rules: [rule(['get'])],
  };

  test.each([
    ['a role that aggregates, nothing', aggregates, {}, ['remove /aggregationRule', 'replace /rules']],
    ['a role that is empty already', { rules: null } as unknown as RoleObject, {}, []],
    ['a role that aggregates the same', aggregates, { aggregationRule: aggregates.aggregationRule }, []],
    [
      'a role that counts for another',
      { metadata: { labels: { 'aggregate.paddock.dev/a': 'true', 'aggregate.paddock.dev/b': 'true', team: 'x' } } },
      { metadata: { labels: { 'aggregate.paddock.dev/a': 'true', 'aggregate.paddock.dev/c': 'true' } } },
      ['remove /metadata/labels/aggregate.paddock.dev~1b'],
    ],
    ['a role with the same rules', { rules: [rule(['get'])] }, { rules: [rule(['get']), rule(['list'])] }, []],
  ])('%s', (_what, has, grant, expected) => {
    expect(paths(ClusterRoles, has, grant)).toEqual(expected);
  });

  test('which of other kinds is none', () => {
    expect(reduction(ServiceAccounts, named(), {})).toEqual([]);
  });

  test('a binding, its subjects that are bound still, and no others', () => {
    expect(reduction(RoleBindings, bound('anna', 'bert') as KubeObject, bound('bert', 'cora'))).toEqual([
      { op: 'replace', path: '/subjects', value: [user('bert')] },
    ]);
  });
});

test.each<[string, PolicyRule[], PolicyRule[], PolicyRule[]]>([
  ['fewer verbs', [rule(['get', 'list'])], [rule(['list', 'watch'])], [rule(['list'])]],
  ['nothing in common', [rule(['get'])], [rule(['get'], { resources: ['secrets'] })], []],
  [
    'one name of all',
    [rule(['get'])],
    [rule(['get'], { resourceNames: ['a'] })],
    [rule(['get'], { resourceNames: ['a'] })],
  ],
  ['other names', [rule(['get'], { resourceNames: ['b'] })], [rule(['get'], { resourceNames: ['a'] })], []],
  [
    'fewer names',
    [rule(['get'], { resourceNames: ['a', 'b'] })],
    [rule(['get'], { resourceNames: ['a'] })],
    [rule(['get'], { resourceNames: ['a'] })],
  ],
  ['a wildcard is a word', [rule(['*'])], [rule(['get'])], []],
  [
    'paths',
    [{ verbs: ['get'], nonResourceURLs: ['/a', '/b'] }],
    [{ verbs: ['get'], nonResourceURLs: ['/b'] }],
    [{ verbs: ['get'], nonResourceURLs: ['/b'] }],
  ],
  ['paths and resources', [{ verbs: ['get'], nonResourceURLs: ['/a'] }], [rule(['get'])], []],
])('rules have in common: %s', (_what, has, wanted, expected) => {
  expect(commonRules(has, wanted)).toEqual(expected);
});
