import { expect, test } from '@jest/globals';
import { aProject } from '../../test/support/objects.ts';
import { statusAfterMs } from './status-pace.ts';

test.each([
  ['no project', undefined, 250],
  ['no status', {}, 250],
  ['few copies', { namespaces: { total: 20, names: [] }, shared: { objects: 3 } }, 250],
  ['hundreds of copies', { namespaces: { total: 200, names: [] }, shared: { objects: 3 } }, 600],
  ['thousands of copies', { namespaces: { total: 5_000, names: [] }, shared: { objects: 3 } }, 1_000],
])('%s: the status waits', (_, status, ms) => {
  const project = status && { ...aProject({ name: 'payments', cluster: 'edge-1' }), status };
  expect(statusAfterMs(project)).toBe(ms);
});
