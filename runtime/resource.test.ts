import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  apiVersion,
  compareResourceVersions,
  keyOf,
  keyString,
  Leases,
  Namespaces,
  parseKey,
  resourceName,
  resourcePath,
} from './resource.ts';

const SEED = 5;

describe('compareResourceVersions', () => {
  test.each([
    ['1', '2', -1],
    ['10', '9', 1],
    ['9007199254740993', '9007199254740992', 1],
    ['18446744073709551615', '18446744073709551614', 1],
    ['5', '5', 0],
    [undefined, '1', -1],
    [undefined, undefined, 0],
  ])('%s and %s', (a, b, sign) => {
    expect(Math.sign(compareResourceVersions(a, b))).toBe(sign);
  });

  test('property: the order of the integers, also beyond 2^53', () => {
    const version = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    fc.assert(
      fc.property(version, version, (a, b) => {
        const expected = a < b ? -1 : a > b ? 1 : 0;
        expect(Math.sign(compareResourceVersions(String(a), String(b)))).toBe(expected);
      }),
      { seed: SEED },
    );
  });
});

describe('keys', () => {
  test('of objects with and without a namespace', () => {
    expect(keyString(keyOf({ metadata: { name: 'b', namespace: 'a' } }))).toBe('a/b');
    expect(keyString(keyOf({ metadata: { name: 'b' } }))).toBe('b');
    expect(parseKey('a/b')).toEqual({ namespace: 'a', name: 'b' });
    expect(parseKey('b')).toEqual({ name: 'b' });
  });

  test('an object without a name has none', () => {
    expect(() => keyOf({ kind: 'Secret', metadata: {} })).toThrow('Secret without metadata.name has no key');
  });
});

describe('paths', () => {
  test('of collections, objects and subresources', () => {
    expect(resourcePath(Namespaces)).toBe('/api/v1/namespaces');
    expect(resourcePath(Namespaces, undefined, 'a', 'status')).toBe('/api/v1/namespaces/a/status');
    expect(resourcePath(Leases)).toBe('/apis/coordination.k8s.io/v1/leases');
    expect(resourcePath(Leases, 'x', 'l')).toBe('/apis/coordination.k8s.io/v1/namespaces/x/leases/l');
    expect(apiVersion(Namespaces)).toBe('v1');
    expect(apiVersion(Leases)).toBe('coordination.k8s.io/v1');
    expect(resourceName(Namespaces)).toBe('namespaces');
    expect(resourceName(Leases)).toBe('leases.coordination.k8s.io');
  });

  test('names are escaped and keep their case', () => {
    const path = resourcePath({ ...Leases, plural: 'clusterroles' }, undefined, 'system:Node/../x');
    expect(path).toBe('/apis/coordination.k8s.io/v1/clusterroles/system%3ANode%2F..%2Fx');
  });
});
