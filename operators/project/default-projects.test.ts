import { expect, test } from '@jest/globals';
import { defaultProjectOf } from './default-projects.ts';

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
