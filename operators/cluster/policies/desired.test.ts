import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import * as yaml from 'js-yaml';
import { desiredPolicies, isForeign, isMarked, policyNames } from './desired.ts';
import { POLICY_KINDS, Policies } from './kinds.ts';

const MANIFESTS = join(import.meta.dirname, '..', '..', '..', 'manifests');
const OWNER = { kind: 'cluster', name: 'edge-1', uid: 'cluster-uid' };
const wanted = desiredPolicies({ owner: OWNER, cluster: 'edge-1', hub: 'hub-uid' });

interface Document {
  readonly kind?: string;
  readonly metadata?: { readonly name?: string };
  readonly rules?: readonly {
    readonly apiGroups?: readonly string[];
    readonly resources?: readonly string[];
    readonly resourceNames?: readonly string[];
  }[];
}

function documents(folder: string): Document[] {
  const dir = join(MANIFESTS, folder);
  return readdirSync(dir).flatMap(file => yaml.loadAll(readFileSync(join(dir, file), 'utf8')) as Document[]);
}

describe('the policies of a cluster', () => {
  test('are all before all bindings, each binding of a policy', () => {
    const kinds = wanted.map(({ kind }) => kind);
    expect(kinds).toEqual([...kinds].sort((a, b) => a.length - b.length));
    expect(wanted).toHaveLength(2 * policyNames().length);
  });

  test('have names that no policy of the hub has: it may be a cluster itself', () => {
    const hubs = documents('policies').map(({ metadata }) => metadata?.name);
    expect(hubs.length).toBeGreaterThan(0);
    for (const name of policyNames()) expect(hubs).not.toContain(name);
  });

  test('are those that the cluster operator may write in the hub', () => {
    const rules = documents('rbac')
      .filter(({ kind, metadata }) => kind === 'ClusterRole' && metadata?.name === 'paddock-cluster')
      .flatMap(document => document.rules ?? [])
      .filter(({ apiGroups, resourceNames }) => apiGroups?.includes(Policies.group) && resourceNames);
    expect(rules.map(({ resourceNames }) => [...(resourceNames ?? [])].sort())).toEqual([policyNames()]);
    expect([...(rules[0]?.resources ?? [])].sort()).toEqual(POLICY_KINDS.map(({ plural }) => plural).sort());
  });
});

describe('an object of a policy’s name', () => {
  const [policy] = wanted;
  const marks = policy?.metadata ?? { name: '', labels: {}, annotations: {} };

  test.each<readonly [what: string, metadata: object, foreign: boolean]>([
    ['with our marks', marks, false],
    ['with its labels alone', { labels: marks.labels }, false],
    ['with its annotations alone', { annotations: marks.annotations }, false],
    ['applied from our manifests and labelled so', { labels: { 'app.kubernetes.io/managed-by': 'paddock' } }, false],
    ['of another tool', { labels: { 'app.kubernetes.io/managed-by': 'Helm' } }, true],
    ['without any of them', {}, true],
  ])('%s', (_what, metadata, foreign) => {
    expect(isForeign({ metadata })).toBe(foreign);
  });

  test('bears its marks also beside those of others, and not those of another Cluster', () => {
    const more = { ...marks, labels: { ...marks.labels, team: 'x' } };
    const other = { ...marks, annotations: { ...marks.annotations, 'paddock.dev/owner-uid': 'another' } };
    if (!policy) throw new Error('there is no policy');
    expect(isMarked({ metadata: more }, policy)).toBe(true);
    expect(isMarked({ metadata: other }, policy)).toBe(false);
  });
});
