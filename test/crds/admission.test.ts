import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { accessCases, bindingCases, templateCases } from './access.cases.ts';
import { aBinding, aCluster, anAccess, aProject, aRoleTemplate, type Case, type Manifest } from './case.ts';
import { clusterCases } from './clusters.cases.ts';
import { Hub, type Status } from './hub.ts';
import { projectCases } from './projects.cases.ts';

const hub = new Hub('admission');
beforeAll(() => hub.start(), 240_000);
afterAll(() => hub.stop(), 30_000);

/** What is wrong with an object, without the note that other rules were skipped because of it. */
function causes({ details }: Status): string[] {
  const all = (details?.causes ?? []).map(({ field, message }) => `${field}: ${message}`);
  return all.filter(cause => !cause.includes('some validation rules were not checked'));
}

describe.each([
  ['Cluster', clusterCases],
  ['Project', projectCases],
  ['RoleTemplate', templateCases],
  ['RoleTemplateBinding', bindingCases],
  ['ClusterAccess', accessCases],
] as const)('%s', (_, cases) => {
  test.each(cases.map(each => [each.name, each] as const))(
    '%s',
    async (_, { field, value, rule, invalid, twin }: Case) => {
      const refused = await hub.dryRunCreate(invalid);
      expect(refused.created).toBe(false);
      expect(refused.status.message).toContain(field);
      if (value !== undefined) expect(refused.status.message).toContain(value.slice(0, 40));
      expect(refused.status.message).toMatch(rule);
      expect(causes(refused.status).filter(cause => !rule.test(cause))).toEqual([]);

      const accepted = await hub.dryRunCreate(twin);
      expect(accepted.created ? 'accepted' : accepted.status.message).toBe('accepted');
    },
  );
});

test('the cases are many', () => {
  expect(clusterCases.length + projectCases.length).toBeGreaterThanOrEqual(150);
});

test('the largest Project that the schema takes stays within the cost limits of its rules', async () => {
  const many = (count: number, entry: (index: number) => [key: string, value: unknown]) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => entry(index)));
  const long = (index: number, length: number) => `a${index}`.padEnd(length, 'b');
  const key = (index: number) => `${long(index, 63)}.${long(index, 63)}/${long(index, 63)}`;
  const quota = many(64, index => [`requests.${key(index)}`, '999999999999999']);
  const labels = many(16, index => [key(index), long(index, 63)]);
  const values = Array.from({ length: 16 }, (_, index) => long(index, 63));
  const matchExpressions = Array.from({ length: 8 }, (_, index) => ({ key: key(index), operator: 'In', values }));
  const project = aProject({
    resourceQuota: { hard: quota, namespaceDefault: quota },
    networkIsolation: { allowFrom: Array(64).fill({ namespaceSelector: { matchLabels: labels, matchExpressions } }) },
    namespaceLabels: many(64, index => [key(index), long(index, 63)]),
    namespaceAnnotations: many(32, index => [key(index), long(index, 4096)]),
  });
  const { created, status } = await hub.dryRunCreate(project);
  expect(created ? 'accepted' : status.message).toBe('accepted');

  await hub.kubectl(['create', '-f', '-'], { ...project, metadata: { name: 'largest', namespace: 'c-edge-1' } });
  const ledger = { status: { quota: { hard: quota, allocated: quota, used: quota } } };
  const target = ['patch', 'project', 'largest', '-n', 'c-edge-1', '--subresource=status', '--type=merge'];
  await hub.kubectl([...target, '-p', JSON.stringify(ledger)]);
});

test('the largest RoleTemplate and the largest binding that the schema takes stay within the cost limits', async () => {
  const strings = (count: number, length: number) =>
    Array.from({ length: count }, (_, i) => `a${i}`.padEnd(length, 'b'));
  const rule = {
    verbs: strings(32, 20),
    apiGroups: strings(32, 40),
    resources: strings(128, 40),
    resourceNames: strings(16, 40),
  };
  const inherits = strings(32, 40);
  const template = aRoleTemplate({ rules: Array(64).fill(rule), hubRules: Array(32).fill(rule), inherits });
  const subjects = strings(500, 253).map(name => ({ kind: 'ServiceAccount', name, namespace: 'n'.repeat(63) }));
  for (const object of [template, aBinding({ subjects })]) {
    const { created, status } = await hub.dryRunCreate(object);
    expect(created ? 'accepted' : status.message).toBe('accepted');
  }
});

describe('defaults', () => {
  const created = async (object: Manifest) =>
    JSON.parse(await hub.kubectl(['create', '--dry-run=server', '-o', 'json', '-f', '-'], object)) as { spec: unknown };

  test('of a Cluster', async () => {
    expect((await created(aCluster({ connection: { agent: {} } }))).spec).toEqual({
      connection: { agent: { tokenTTL: '24h' } },
      heartbeat: { interval: '5s', timeout: '15s' },
      defaultProjects: true,
      deletionPolicy: 'Clean',
      cleanupTimeout: '5m',
    });
  });

  test('of a heartbeat that gives only one of its fields', async () => {
    const { spec } = await created(aCluster({ heartbeat: { timeout: '30s' } }));
    expect(spec).toHaveProperty('heartbeat', { interval: '5s', timeout: '30s' });
  });

  test('of the key of a kubeconfig: none, since two are tried', async () => {
    const { spec } = await created(aCluster({ connection: { kubeconfig: { secretRef: { name: 'edge-1' } } } }));
    expect(spec).toHaveProperty('connection', { kubeconfig: { secretRef: { name: 'edge-1' } } });
  });

  test('of a Project, also without any spec', async () => {
    const { spec: _, ...bare } = aProject();
    expect((await created(bare)).spec).toEqual({ deletionPolicy: 'Retain', namespaceLimit: 100 });
    expect((await created(aProject({ networkIsolation: {}, podSecurity: {} }))).spec).toEqual({
      deletionPolicy: 'Retain',
      namespaceLimit: 100,
      networkIsolation: { enabled: true },
      podSecurity: {}, // a version that is not named leaves the namespace its own
    });
  });

  test('of a RoleTemplate and of a ClusterAccess', async () => {
    expect((await created(aRoleTemplate())).spec).toEqual({ context: 'Project', locked: false });
    expect((await created(anAccess())).spec).toEqual({ user: 'alice', ttl: '12h' });
  });

  test('unknown fields are pruned where validation is not strict', async () => {
    const args = ['create', '--validate=ignore', '--dry-run=server', '-o', 'json', '-f', '-'];
    const object = JSON.parse(await hub.kubectl(args, aProject({ colour: 'blue' }))) as { spec: unknown };
    expect(object.spec).toEqual({ deletionPolicy: 'Retain', namespaceLimit: 100 });
  });
});

describe('updates', () => {
  const patch = async (target: readonly string[], change: unknown, options: readonly string[] = []) => {
    const json = JSON.stringify(change);
    const { stderr, code } = await hub.controlPlane.kubectl([
      'patch',
      ...target,
      ...options,
      '--type=merge',
      '-p',
      json,
    ]);
    return code === 0 ? 'accepted' : stderr;
  };

  test('the connection of a Cluster may change', async () => {
    await hub.kubectl(['create', '-f', '-'], aCluster({}, 'moving'));
    const target = ['cluster', 'moving', '--dry-run=server'];
    const kubeconfig = { secretRef: { name: 'moving' } };
    expect(await patch(target, { spec: { connection: { local: null, kubeconfig } } })).toBe('accepted');
    expect(await patch(target, { spec: { connection: { kubeconfig } } })).toMatch(/exactly one of local, kubeconfig/);
  });

  test('of a binding only the subjects may change, of a ClusterAccess nothing', async () => {
    await hub.kubectl(['create', '-f', '-'], aBinding());
    await hub.kubectl(['create', '-f', '-'], anAccess());
    const binding = ['roletemplatebinding', 'deployers', '-n', 'c-edge-1', '--dry-run=server'];
    const access = ['clusteraccess', 'alice', '-n', 'c-edge-1', '--dry-run=server'];
    expect(await patch(binding, { spec: { subjects: [{ kind: 'Group', name: 'dev' }] } })).toBe('accepted');
    const other = await patch(binding, { spec: { roleTemplateName: 'cluster-owner' } });
    expect(other).toContain('spec.roleTemplateName: Invalid value');
    expect(other).toContain('"cluster-owner" can\'t take the place of "cluster-member"');
    for (const scope of [{ cluster: { name: 'edge-2' } }, { cluster: null, project: { cluster: 'edge-1', name: 'a' } }])
      expect(await patch(binding, { spec: { scope } })).toMatch(/spec\.scope.*can't be changed/);
    for (const spec of [{ user: 'bob' }, { groups: ['dev'] }, { ttl: '13h' }])
      expect(await patch(access, { spec })).toMatch(/spec: Invalid value.*can't be changed/);
  });

  describe('of a quota of which a part is allocated', () => {
    const target = ['project', 'ledger', '-n', 'c-edge-1'];
    const dryRun = ['--dry-run=server'];
    const onStatus = ['--dry-run=server', '--subresource=status'];
    const hard = (change: unknown) => ({ spec: { resourceQuota: { hard: change } } });
    const allocated = (change: unknown) => ({ status: { quota: { allocated: change } } });

    beforeAll(async () => {
      const quota = { hard: { pods: 10, 'requests.cpu': '4' }, namespaceDefault: { pods: 2, 'requests.cpu': '1' } };
      await hub.kubectl(['create', '-f', '-'], aProject({ resourceQuota: quota }, 'ledger'));
      const ledger = { pods: '8', 'requests.cpu': '2500m' };
      expect(await patch(target, allocated(ledger), ['--subresource=status'])).toBe('accepted');
    });

    test.each([
      ['pods', 7, '7', '8', 8],
      ['requests.cpu', '2.4', '2.4', '2500m', '2.5'],
      ['requests.cpu', '2499m', '2499m', '2500m', '2500m'],
    ])('hard[%s] can not be lowered to %s', async (key, wrong, shown, given, right) => {
      const message = await patch(target, hard({ [key]: wrong }), dryRun);
      expect(message).toContain(`spec.resourceQuota.hard[${key}] "${shown}" must be at least`);
      expect(message).toContain(`status.quota.allocated[${key}] "${given}"`);
      expect(await patch(target, hard({ [key]: right }), dryRun)).toBe('accepted');
    });

    test('it may be raised, a key or the whole field may go', async () => {
      expect(await patch(target, hard({ pods: 11 }), dryRun)).toBe('accepted');
      const without = { spec: { resourceQuota: { hard: { pods: null }, namespaceDefault: { pods: null } } } };
      expect(await patch(target, without, dryRun)).toBe('accepted');
      expect(await patch(target, { spec: { resourceQuota: null } }, dryRun)).toBe('accepted');
    });

    test('more than hard can not be allocated, whoever writes the status', async () => {
      const message = await patch(target, allocated({ pods: '11' }), onStatus);
      expect(message).toContain('spec.resourceQuota.hard[pods] "10" must be at least');
      expect(message).toContain('status.quota.allocated[pods] "11"');
      expect(await patch(target, allocated({ pods: '10' }), onStatus)).toBe('accepted');
      expect(await patch(target, allocated({ pods: '-1' }), onStatus)).toMatch(/quantity that is not negative/);
      expect(await patch(target, { status: { quota: null } }, onStatus)).toBe('accepted');
    });

    test('a ledger of 1,000 namespaces with several keys is accepted', async () => {
      const share = { pods: '0', 'requests.cpu': '0', 'requests.memory': '0', 'count/deployments.apps': '0' };
      const names = Array.from({ length: 1000 }, (_, index) => [`namespace-of-some-team-${index}`, share]);
      const status = { quota: { namespaces: Object.fromEntries(names) } };
      expect(await patch(target, { status }, onStatus)).toBe('accepted');
    });
  });
});
