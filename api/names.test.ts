import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  clusterNamespace,
  fieldManager,
  finalizer,
  isClusterName,
  isPaused,
  isProjectName,
  isReservedNamespace,
  marks,
  ownerLabel,
  ownership,
  parseClusterNamespace,
  parseProjectNamespace,
  projectNamespace,
} from './names.ts';

const LABEL_VALUE = /^(([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9])?$/;
const clusterName = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,27}[a-z0-9])?$/).filter(isClusterName);
const projectName = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,28}[a-z0-9])?$/).filter(isProjectName);

describe('names', () => {
  test.each([
    ['a', true],
    ['edge-1', true],
    ['a'.repeat(29), true],
    ['a'.repeat(30), false],
    ['a--b', false],
    ['-a', false],
    ['a-', false],
    ['A', false],
    ['a.b', false],
    ['', false],
  ])('a Cluster named %p: %p', (name, valid) => {
    expect(isClusterName(name)).toBe(valid);
  });

  test('a Project name may have one character more than a Cluster name', () => {
    expect(isProjectName('a'.repeat(30))).toBe(true);
    expect(isProjectName('a'.repeat(31))).toBe(false);
  });

  test('a Cluster name is read back from its namespace', () => {
    expect(clusterNamespace('edge-1')).toBe('c-edge-1');
    fc.assert(fc.property(clusterName, name => parseClusterNamespace(clusterNamespace(name)) === name));
    expect(parseClusterNamespace('c-')).toBeUndefined();
    expect(parseClusterNamespace('default')).toBeUndefined();
  });

  test('a Project is read back from its namespace, which always is a valid namespace name', () => {
    expect(projectNamespace('edge-1', 'payments')).toBe('p-edge-1--payments');
    fc.assert(
      fc.property(clusterName, projectName, (cluster, project) => {
        const namespace = projectNamespace(cluster, project);
        expect(namespace.length).toBeLessThanOrEqual(63);
        expect(parseProjectNamespace(namespace)).toEqual({ cluster, project });
      }),
    );
  });

  test.each(['default', 'p-', 'p-a', 'p-a--', 'p---a', 'p-a---b', 'p-a--b--c', 'c-a--b', `p-a--${'b'.repeat(31)}`])(
    '%p is no project namespace',
    namespace => {
      expect(parseProjectNamespace(namespace)).toBeUndefined();
    },
  );

  test.each([
    ['c-edge-1', true],
    ['p-edge-1--payments', true],
    ['paddock-system', true],
    ['paddock', false],
    ['cats', false],
    ['payments', false],
    ['kube-system', false],
  ])('namespace %p is reserved: %p', (namespace, reserved) => {
    expect(isReservedNamespace(namespace)).toBe(reserved);
  });

  test('operators sign their writes and finalizers', () => {
    expect(fieldManager('project')).toBe('paddock-project');
    expect(fieldManager('project', 'agent')).toBe('paddock-agent-project');
    expect(finalizer('project')).toBe('paddock.dev/project');
  });
});

describe('the owner label', () => {
  test('is kind and name while they fit', () => {
    expect(ownerLabel('project', 'payments')).toBe('project.payments');
    const name = 'a'.repeat(63 - 'RoleTemplate.'.length);
    expect(ownerLabel('RoleTemplate', name)).toBe(`RoleTemplate.${name}`);
  });

  test('past 63 characters is hashed: the same for the same owner, another for another', () => {
    const name = 'a'.repeat(64 - 'RoleTemplate.'.length);
    expect(ownerLabel('RoleTemplate', name)).toHaveLength(63);
    expect(ownerLabel('RoleTemplate', name)).toBe(ownerLabel('RoleTemplate', name));
    expect(ownerLabel('RoleTemplate', `${name}b`)).not.toBe(ownerLabel('RoleTemplate', `${name}c`));
  });

  test('is a valid label value for every DNS subdomain', () => {
    const subdomain = fc.stringMatching(
      /^[a-z0-9]([-a-z0-9]{0,60}[a-z0-9])?([.][a-z0-9]([-a-z0-9]{0,60}[a-z0-9])?){0,3}$/,
    );
    fc.assert(fc.property(subdomain, name => LABEL_VALUE.test(ownerLabel('RoleTemplate', name))));
  });
});

describe('our marks', () => {
  const owner = { kind: 'project', name: 'payments', uid: 'u-1' };

  test('are labels for selecting and annotations for proving', () => {
    expect(marks({ owner, cluster: 'edge-1', hub: 'h-1' })).toEqual({
      labels: {
        'app.kubernetes.io/managed-by': 'paddock',
        'paddock.dev/owner': 'project.payments',
        'paddock.dev/cluster': 'edge-1',
      },
      annotations: { 'paddock.dev/owner-uid': 'u-1', 'paddock.dev/hub': 'h-1' },
    });
  });

  test("say so on the hub's side", () => {
    const { labels } = marks({ owner, cluster: 'local', hub: 'h-1', plane: 'hub' });
    expect(labels['paddock.dev/plane']).toBe('hub');
  });

  test('make an object ours, each alone as well', () => {
    const { labels, annotations } = marks({ owner, cluster: 'edge-1', hub: 'h-1' });
    expect(ownership({ labels, annotations })).toBe('ours');
    expect(ownership({ labels })).toBe('ours');
    expect(ownership({ annotations })).toBe('ours');
  });

  test('managed-by or cluster alone leave it foreign', () => {
    expect(ownership(undefined)).toBe('foreign');
    expect(ownership({})).toBe('foreign');
    expect(ownership({ labels: { 'app.kubernetes.io/managed-by': 'paddock', 'paddock.dev/cluster': 'edge-1' } })).toBe(
      'foreign',
    );
  });

  test('pausing takes the word true', () => {
    expect(isPaused({ annotations: { 'paddock.dev/paused': 'true' } })).toBe(true);
    expect(isPaused({ annotations: { 'paddock.dev/paused': 'false' } })).toBe(false);
    expect(isPaused(undefined)).toBe(false);
  });
});
