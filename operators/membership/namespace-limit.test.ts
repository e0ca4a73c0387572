import { expect, test } from '@jest/globals';
import { ANNOTATION_PROJECT_UID, type Project } from '#api';
import type { KubeObject } from '#runtime';
import { beyondLimit } from './namespace-limit.ts';

const project = (namespaceLimit?: number): Pick<Project, 'spec' | 'metadata'> => ({
  metadata: { uid: 'this' },
  spec: { ...(namespaceLimit === undefined ? {} : { namespaceLimit }) } as Project['spec'],
});

const member = (name: string, minute: number, joined?: string): KubeObject => ({
  metadata: {
    name,
    creationTimestamp: `2026-01-01T00:${String(minute).padStart(2, '0')}:00Z`,
    ...(joined === undefined ? {} : { annotations: { [ANNOTATION_PROJECT_UID]: joined } }),
  },
});

const [a, b, c] = [member('a', 1), member('b', 2), member('c', 3)];

test.each([
  ['as many as the limit', [a, b, c], 3, []],
  ['one too many: the youngest', [c, a, b], 2, ['c']],
  ['all but one', [b, c, a], 1, ['b', 'c']],
  ['of the same age, the last by name', [member('y', 1), member('x', 1)], 1, ['y']],
  ['an older one that joins later', [member('old', 0), member('new', 5, 'this')], 1, ['old']],
  ['a mark of another Project counts for nothing', [member('forged', 5, 'other'), a], 1, ['forged']],
  [
    'a lowered limit takes the youngest of those that joined',
    [member('p', 1, 'this'), member('q', 2, 'this')],
    1,
    ['q'],
  ],
])('%s', (_what, members, limit, expected) => {
  expect([...beyondLimit(members, project(limit))].sort()).toEqual(expected);
});

test('without a limit in the object, it is 100', () => {
  const many = Array.from({ length: 101 }, (_, index) => member(`n${String(index).padStart(3, '0')}`, 1));
  expect([...beyondLimit(many, project())]).toEqual(['n100']);
});
