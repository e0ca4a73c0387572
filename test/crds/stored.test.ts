import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as yaml from 'js-yaml';
import { eventually } from '../support/eventually.ts';
import { aProject, type Manifest } from './case.ts';
import { Hub } from './hub.ts';

/** Rules of today meet objects of yesterday: what was stored before a rule came stays, until it is changed. */

const hub = new Hub('stored');
const CRD = new URL('../../crds/paddock.dev_projects.yaml', import.meta.url);

/** A schema without any of its rules. */
function withoutRules(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withoutRules);
  if (typeof schema !== 'object' || schema === null) return schema;
  const entries = Object.entries(schema).filter(([key]) => key !== 'x-kubernetes-validations');
  return Object.fromEntries(entries.map(([key, value]) => [key, withoutRules(value)]));
}

const hard = { pods: 10, 'nvidia.com/gpu': 1, resourcequotas: 2 };
const stored: readonly Manifest[] = [
  aProject(
    {
      networkIsolation: { allowFrom: [{ cidr: '10.0.0.0/8' }] },
      resourceQuota: { hard: { pods: 10 }, namespaceDefault: { pods: 10 } },
      podSecurity: { enforce: 'baseline' },
    },
    'system',
  ),
  aProject({ resourceQuota: { hard, namespaceDefault: hard } }, 'counted'),
];

beforeAll(async () => {
  await hub.start();
  const crd = yaml.load(readFileSync(CRD, 'utf8'));
  const apply = ['apply', '--server-side', '--force-conflicts', '-f', '-'];
  const accepts = async (object: Manifest) => (await hub.dryRunCreate(object)).created;
  await hub.kubectl(apply, withoutRules(crd));
  for (const object of stored) {
    await eventually(() => accepts(object), { timeoutMs: 30_000, what: 'the rules are gone' });
    await hub.kubectl(['create', '-f', '-'], object);
  }
  await hub.kubectl(apply, crd);
  const other = aProject({ resourceQuota: { hard, namespaceDefault: hard } }, 'other');
  await eventually(async () => !(await accepts(other)), { timeoutMs: 30_000, what: 'the rules are back' });
}, 240_000);
afterAll(() => hub.stop(), 30_000);

/** What the server says to a merge patch; nothing is stored. */
async function patch(name: string, change: object, ...options: string[]): Promise<string> {
  const target = ['patch', 'project', name, '-n', 'c-edge-1', '--type=merge', '--dry-run=server', ...options];
  const { stderr, code } = await hub.controlPlane.kubectl([...target, '-p', JSON.stringify(change)]);
  return code === 0 ? 'accepted' : stderr;
}

describe.each(['system', 'counted'])('a Project %s from before the rules', name => {
  test.each<[string, object, ...string[]]>([
    ['labels', { metadata: { labels: { a: 'b' }, finalizers: ['paddock.dev/project'] } }],
    ['another field', { spec: { displayName: 'Name', podSecurity: { warn: 'baseline' } } }],
    ['the status', { status: { namespace: `p-edge-1--${name}` } }, '--subresource=status'],
    ['the ledger', { status: { quota: { allocated: { pods: 1 } } } }, '--subresource=status'],
  ])('takes a change of %s', async (_, change, ...options) => {
    expect(await patch(name, change, ...options)).toBe('accepted');
  });
});

test.each<[string, object, RegExp]>([
  ['networkIsolation', { enabled: false }, /spec\.networkIsolation.*must not be set on Project "system"/],
  ['resourceQuota', { hard: { pods: 9 } }, /spec\.resourceQuota.*must not be set on Project "system"/],
  ['podSecurity', { enforce: 'restricted' }, /spec\.podSecurity\.enforce.*must not be set on Project "system"/],
])('Project system can be rid of its %s, not given another', async (field, other, rule) => {
  expect(await patch('system', { spec: { [field]: other } })).toMatch(rule);
  expect(await patch('system', { spec: { [field]: null } })).toBe('accepted');
});

test('keys that are not counted, or ours, go with the next change of the quota', async () => {
  const quota = (change: object) => ({ spec: { resourceQuota: { hard: change, namespaceDefault: change } } });
  expect(await patch('counted', quota({ pods: 9 }))).toMatch(/"nvidia\.com\/gpu" is never counted/);
  expect(await patch('counted', quota({ 'nvidia.com/gpu': null }))).toMatch(/"resourcequotas" must not be limited/);
  expect(await patch('counted', quota({ 'nvidia.com/gpu': null, resourcequotas: null }))).toBe('accepted');
});
