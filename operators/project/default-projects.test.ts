import { expect, test } from '@jest/globals';
import { defaultProjectOf } from './default-projects.ts';

const SYSTEM = ['mesh', 'tools-*'];

test.each([
  ['default', 'default'],
  ['kube-system', 'system'],
  ['mesh', 'system'],
  ['tools-a', 'system'],
  ['tools', undefined],
  ['mesh-2', undefined],
  ['default-2', undefined],
  ['kubernetes', undefined],
])('namespace %s belongs to project %s by its name', (namespace, project) => {
  expect(defaultProjectOf(namespace, SYSTEM)).toBe(project);
});

test('Paddock’s own namespaces belong to none, whatever the settings say', () => {
  for (const name of ['paddock-system', 'paddock-users', 'c-edge-1', 'p-edge-1--a'])
    expect(defaultProjectOf(name, ['paddock-*', 'c-*', 'p-*'])).toBeUndefined();
});
