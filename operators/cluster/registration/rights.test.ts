import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import * as yaml from 'js-yaml';
import type { Cluster } from '#api';
import type { KubeObject } from '#runtime';
import { agentRights, type DerivedObject, projectRights } from './rights.ts';

interface Bound extends KubeObject {
  readonly roleRef?: { readonly kind: string; readonly name: string };
  readonly subjects?: readonly object[];
  readonly rules?: readonly { readonly resourceNames?: readonly string[]; readonly verbs: readonly string[] }[];
}

const CLUSTER: Cluster = {
  apiVersion: 'paddock.dev/v1alpha1',
  kind: 'Cluster',
  metadata: { name: 'edge-1', uid: 'cluster-1' },
  spec: { connection: { agent: {} } },
};
const rights: readonly (DerivedObject & { readonly intent: Bound })[] = [
  ...agentRights(CLUSTER, 'hub-1'),
  projectRights(CLUSTER, 'hub-1', 'p-edge-1--payments'),
];
const ofKind = (kind: string) => rights.filter(({ type }) => type.kind === kind).map(({ intent }) => intent);

describe('what an agent is given', () => {
  test('is in its own namespaces, or bears its cluster’s name', () => {
    for (const { intent } of rights) {
      const { namespace, name } = intent.metadata;
      if (namespace === undefined) expect(name).toMatch(/^paddock-agent:edge-1(:|$)/);
      else expect(['c-edge-1', 'p-edge-1--payments']).toContain(namespace);
    }
  });

  test('is the hub’s own, and goes with the Cluster', () => {
    for (const { intent } of rights) {
      expect(intent.metadata.labels).toMatchObject({
        'paddock.dev/plane': 'hub',
        'paddock.dev/owner': 'cluster.edge-1',
      });
      expect(intent.metadata.annotations).toMatchObject({
        'paddock.dev/owner-uid': 'cluster-1',
        'paddock.dev/hub': 'hub-1',
      });
      expect(intent.metadata.ownerReferences).toEqual([
        { apiVersion: 'paddock.dev/v1alpha1', kind: 'Cluster', name: 'edge-1', uid: 'cluster-1' },
      ]);
    }
  });

  test('is given to its two accounts alone', () => {
    const subjects = [...ofKind('RoleBinding'), ...ofKind('ClusterRoleBinding')].flatMap(each => each.subjects ?? []);

    expect(new Set(subjects.map(subject => JSON.stringify(subject)))).toEqual(
      new Set(
        ['agent', 'registration'].map(name => JSON.stringify({ kind: 'ServiceAccount', name, namespace: 'c-edge-1' })),
      ),
    );
  });

  test('cluster-wide is to read role templates, and its own Cluster by name', () => {
    const names = ofKind('ClusterRoleBinding').map(({ roleRef }) => roleRef?.name);
    expect(names.sort()).toEqual(['paddock-agent-hub', 'paddock-agent:edge-1']);

    const [own] = ofKind('ClusterRole');
    for (const rule of own?.rules ?? []) expect(rule.resourceNames).toEqual(['edge-1']);
    expect(new Set(own?.rules?.flatMap(({ verbs }) => verbs))).toEqual(new Set(['get', 'list', 'watch', 'patch']));
  });

  test('are roles that the manifests define and the cluster operator may bind', () => {
    const root = join(import.meta.dirname, '..', '..', '..', 'manifests', 'rbac');
    const defined = (file: string) => yaml.loadAll(readFileSync(join(root, file), 'utf8')) as Bound[];
    const roles = defined('agent.yaml').map(({ metadata }) => metadata?.name);
    const bindable = defined('cluster.yaml')
      .flatMap(({ rules = [] }) => rules)
      .filter(({ verbs }) => verbs.includes('bind'))
      .flatMap(({ resourceNames = [] }) => resourceNames);

    const bound = rights
      .flatMap(({ intent }) => intent.roleRef?.name ?? [])
      .filter(name => name !== 'paddock-agent:edge-1');
    expect(new Set(bound)).toEqual(new Set(roles));
    expect(new Set(bindable)).toEqual(new Set(roles));
  });
});
