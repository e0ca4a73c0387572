import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { aCluster, aProject } from './case.ts';
import { Hub } from './hub.ts';

const hub = new Hub('kubectl');
const condition = (type: string) => ({
  type,
  status: 'True',
  reason: 'Fine',
  message: 'All is well.',
  lastTransitionTime: '2026-01-01T00:00:00Z',
});
const cells = (table: string) =>
  table
    .trim()
    .split('\n')
    .map(line => line.split(/\s{2,}/));

beforeAll(async () => {
  await hub.start();
  await hub.kubectl(['create', '-f', '-'], aCluster({ displayName: 'Edge' }, 'shown'));
  await hub.kubectl(['create', '-f', '-'], aProject({ displayName: 'Payments' }, 'shown'));
  const cluster = {
    version: 'v1.34.4',
    nodes: { total: 3, ready: 2 },
    conditions: ['Connected', 'Ready'].map(condition),
  };
  const project = { namespaces: { total: 4 }, shared: { copies: 12 }, conditions: ['Ready'].map(condition) };
  const merge = (status: unknown) => ['--subresource=status', '--type=merge', '-p', JSON.stringify({ status })];
  await hub.kubectl(['patch', 'cluster', 'shown', ...merge(cluster)]);
  await hub.kubectl(['patch', 'project', 'shown', '-n', 'c-edge-1', ...merge(project)]);
}, 240_000);

afterAll(() => hub.stop(), 30_000);

test('get pcl tells the story of a Cluster', async () => {
  const [header, row] = cells(await hub.kubectl(['get', 'pcl', 'shown']));
  expect(header).toEqual(['NAME', 'CONNECTED', 'READY', 'VERSION', 'NODES', 'AGE']);
  expect(row?.slice(0, 5)).toEqual(['shown', 'True', 'True', 'v1.34.4', '3']);
});

test('get proj tells the story of a Project', async () => {
  const [header, row] = cells(await hub.kubectl(['get', 'proj', 'shown', '-n', 'c-edge-1']));
  expect(header).toEqual(['NAME', 'READY', 'NAMESPACES', 'COPIES', 'AGE']);
  expect(row?.slice(0, 4)).toEqual(['shown', 'True', '4', '12']);
});

test('get -o wide adds why', async () => {
  expect(await hub.kubectl(['get', 'pcl', 'shown', '-o', 'wide'])).toMatch(/MESSAGE\n.*Edge .*All is well\./);
  expect(await hub.kubectl(['get', 'proj', 'shown', '-n', 'c-edge-1', '-o', 'wide'])).toMatch(
    /MESSAGE\n.*Payments .*All is/,
  );
});

test('get paddock -A shows every kind', async () => {
  const listed = await hub.kubectl(['get', 'paddock', '-A', '-o', 'name']);
  expect(listed).toContain('cluster.paddock.dev/shown');
  expect(listed).toContain('project.paddock.dev/shown');
});

test.each(['pcl.spec.heartbeat.timeout', 'pcl.status.apiServer.caSHA256', 'proj.spec.networkIsolation.allowFrom.cidr'])(
  'explain %s says what it is',
  async field => {
    const explained = await hub.kubectl(['explain', field]);
    expect(explained).toMatch(/DESCRIPTION:\n\s+\w/);
    expect(explained).not.toContain('<empty>');
  },
);
