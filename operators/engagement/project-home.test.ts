import { expect, test } from '@jest/globals';
import type { Project } from '#api';
import { aProject } from '../../test/support/objects.ts';
import { hasHome } from './project-home.ts';

const ready = (reason: string): Project['status'] => ({
  namespace: 'p-edge--shop',
  conditions: [{ type: 'Ready', status: 'False', reason, message: '', lastTransitionTime: '2026-01-01T00:00:00Z' }],
});

test.each<[string, Project['status'], boolean]>([
  ['that nobody has looked at', undefined, false],
  ['whose namespace is still to be made', ready('NamespacePending'), false],
  ['whose namespace is somebody else’s', ready('NamespaceConflict'), false],
  ['whose agent is to look at it', ready('WaitingForAgent'), true],
  ['that is not ready for another reason', ready('QuotaExceeded'), true],
  ['of which nothing was said but its namespace', { namespace: 'p-edge--shop' }, true],
])('the namespace of a project %s', (_what, status, there) => {
  const project: Project = { ...aProject({ name: 'shop', cluster: 'edge' }), ...(status ? { status } : {}) };
  expect(hasHome(project)).toBe(there);
});
