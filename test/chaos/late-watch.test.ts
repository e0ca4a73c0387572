import { afterAll, beforeAll, expect, test } from '@jest/globals';
import {
  ClusterResource,
  clusterNamespace,
  ProjectResource,
  type RoleTemplateBinding,
  RoleTemplateBindingResource,
} from '#api';
import { isConditionTrue } from '#runtime';
import { LateWatches } from '../support/api-shim.ts';
import { eventually } from '../support/eventually.ts';
import { type Fleet, startFleet } from '../support/fleet.ts';
import { credentialsOf, type RunningOperators, startOperators } from '../support/operators.ts';

/** Longer than any answer takes. */
const LATE_MS = 500;
const WITHIN = { timeoutMs: 60_000 };

let fleet: Fleet;
let late: LateWatches;
let operators: RunningOperators;

beforeAll(async () => {
  fleet = await startFleet({ downstreams: 0 });
  late = await LateWatches.start(credentialsOf(fleet.severalKubeconfig()), LATE_MS);
  operators = startOperators({ operators: ['cluster', 'project', 'rbac'], kubeconfig: late.credentials });
  await fleet.importLocal({ spec: { defaultProjects: true } });
  await fleet.connected('local', 'True', WITHIN.timeoutMs);
}, 180_000);

afterAll(async () => {
  await operators?.stop();
  await late?.stop();
  await fleet?.stop();
}, 60_000);

test.each(['default', 'system'])(
  'Project %s, made by an operator in the same process, is taken care of',
  async name => {
    const { client } = fleet.hub;
    const ready = async () => {
      const project = await client.find(ProjectResource, { namespace: clusterNamespace('local'), name });
      return isConditionTrue(project?.status?.conditions, 'Ready');
    };
    expect(await eventually(ready, { ...WITHIN, what: `Project ${name} is ready` })).toBe(true);
  },
  90_000,
);

test('a binding that a global one gives is taken care of', async () => {
  const { client } = fleet.hub;
  await client.mergePatch(ClusterResource, { name: 'local' }, { metadata: { labels: { audited: 'yes' } } });
  const binding: RoleTemplateBinding = {
    apiVersion: 'paddock.dev/v1alpha1',
    kind: 'RoleTemplateBinding',
    metadata: { name: 'audit' },
    spec: {
      roleTemplateName: 'cluster-read-only',
      subjects: [{ kind: 'User', name: 'ann' }],
      scope: { global: { clusterSelector: { matchLabels: { audited: 'yes' } } } },
    },
  };
  await client.create(RoleTemplateBindingResource, { namespace: 'paddock-system' }, binding);
  const bound = async () => {
    const { status } = await client.get(RoleTemplateBindingResource, { namespace: 'paddock-system', name: 'audit' });
    return status?.clusters?.bound;
  };
  expect(await eventually(bound, { ...WITHIN, what: 'the global binding is in force on its cluster' })).toBe(1);
}, 90_000);
