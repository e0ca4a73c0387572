import { expect, test } from '@jest/globals';
import type { Cluster } from '#api';
import type { Informer } from '#runtime';
import { DefaultProjects, defaultProjectOf } from './default-projects.ts';

const SYSTEM = ['mesh', 'kube-flannel'];

test.each([
  ['default', 'default'],
  ['kube-system', 'system'],
  ['kube-public', 'system'],
  ['kube-node-lease', 'system'],
  ['kube-flannel', 'system'],
  ['kube-flannel-2', undefined],
  ['kube-evil', undefined],
  ['kube-systems', undefined],
  ['kube-', undefined],
  ['mesh', 'system'],
  ['mesh-2', undefined],
  ['default-2', undefined],
  ['kubernetes', undefined],
])('namespace %s belongs to project %s by its name', (namespace, project) => {
  expect(defaultProjectOf(namespace, SYSTEM)).toBe(project);
});

test('Paddock’s own namespaces belong to none, whatever the settings say', () => {
  const names = ['paddock-system', 'paddock-users', 'c-edge-1', 'p-edge-1--a'];
  for (const name of names) expect(defaultProjectOf(name, names)).toBeUndefined();
});

test.each([
  ['kube-evil', 'system', true],
  ['kube-evil', 'blue', false],
  ['kube-evil', undefined, false],
  ['kube-flannel', 'system', false],
  ['kube-system', 'system', false],
  ['mesh-2', 'system', false], // from other settings, which an operator may have lost
])('namespace %s in project %s was put there by a pattern of names: %s', (name, project, expected) => {
  const defaults = new DefaultProjects('edge-1', {} as Informer<Cluster>, SYSTEM);
  const label = { managers: ['paddock-project-membership'], alone: true };
  const labels = project === undefined ? {} : { 'paddock.dev/project': project };
  const namespace = { metadata: { name, labels }, applied: { labels: [], annotations: [] }, appliedBy: [] };

  expect(defaults.outgrown({ ...namespace, defaultLabel: label })).toBe(expected ? label : undefined);
  expect(defaults.outgrown(namespace)).toBeUndefined();
});
