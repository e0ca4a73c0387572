import { describe, expect, test } from '@jest/globals';
import { describeRemaining, isKeptByOthers, remaining } from './remaining.ts';

const aRemaining = (kind: string, name: string, ...finalizers: string[]) => ({ kind, name, finalizers });

describe('what is left of a namespace that is being deleted', () => {
  test.each([
    [
      'a foreign finalizer',
      [aRemaining('ConfigMap', 'x', 'a.example/hold')],
      "finalizer a.example/hold keeps ConfigMap x: it is not Paddock's, see that whoever put it there takes it off",
    ],
    [
      'one of ours',
      [aRemaining('RoleTemplateBinding', 'x', 'paddock.dev/rbac')],
      'finalizer paddock.dev/rbac keeps RoleTemplateBinding x: see that the rbac operator runs',
    ],
    [
      'one on several',
      [aRemaining('Project', 'b', 'a.example/hold'), aRemaining('ConfigMap', 'a', 'a.example/hold')],
      "finalizer a.example/hold keeps ConfigMap a, Project b: it is not Paddock's, see that whoever put it there takes it off",
    ],
    [
      'several on one',
      [aRemaining('Project', 'b', 'a.example/hold', 'paddock.dev/project')],
      "finalizer a.example/hold keeps Project b: it is not Paddock's, see that whoever put it there takes it off; finalizer paddock.dev/project keeps Project b: see that the project operator runs",
    ],
  ])('is named by %s', (_what, all, described) => {
    expect(describeRemaining(all)).toBe(described);
  });

  test('is named up to twenty objects', () => {
    const all = Array.from({ length: 25 }, (_, index) => aRemaining('Secret', `s-${index + 10}`, 'a.example/hold'));
    const described = describeRemaining(all);

    expect(described).toContain('Secret s-29');
    expect(described).not.toContain('Secret s-30');
    expect(described).toMatch(/; and 5 more objects$/);
  });

  test('is nothing where there is no finalizer', () => {
    expect(remaining('Secret', { metadata: { name: 'x' } })).toBeUndefined();
  });

  test.each([
    [['paddock.dev/rbac'], false],
    [['a.example/hold'], true],
    [['paddock.dev/rbac', 'foregroundDeletion'], true],
  ])('by %p is kept by others: %p', (finalizers, expected) => {
    expect(isKeptByOthers(aRemaining('Project', 'x', ...finalizers))).toBe(expected);
  });
});
