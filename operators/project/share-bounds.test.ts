import { describe, expect, test } from '@jest/globals';
import { aConfigMap, aSecret, type ContentBuilder } from '../../test/support/objects.ts';
import { MOST_BYTES, MOST_OBJECTS, withinBounds } from './share-bounds.ts';
import type { Shared } from './shared.ts';

const shared = (object: ContentBuilder, created = '2026-01-01T00:00:00Z'): Shared => {
  const source = object.build('p-edge-1--payments');
  return { kind: object.kind, source: { ...source, metadata: { ...source.metadata, creationTimestamp: created } } };
};
const names = (objects: readonly Shared[]) => objects.map(({ source }) => source.metadata?.name);
const pad = (index: number) => `n${String(index).padStart(4, '0')}`;

describe('what a project shares', () => {
  test('is at most 500 objects, the oldest first, then by name and kind', () => {
    const many = Array.from({ length: MOST_OBJECTS }, (_, index) => shared(aConfigMap(pad(index))));
    const [newer, older] = [
      shared(aConfigMap('a'), '2026-01-01T00:00:01Z'),
      shared(aConfigMap('z'), '2025-12-31T00:00:00Z'),
    ];
    const twin = shared(aSecret(pad(498)));

    const { within, beyond } = withinBounds([newer, twin, ...[...many].reverse(), older]);

    expect(within).toHaveLength(500);
    expect(names(within).slice(0, 2)).toEqual(['z', pad(0)]);
    expect(beyond.map(({ kind, name, reason }) => `${kind} ${name} ${reason}`)).toEqual([
      `Secret ${pad(498)} TooMany`,
      `ConfigMap ${pad(499)} TooMany`,
      'ConfigMap a TooMany',
    ]);
    expect(beyond[0]?.message).toContain('at most 500 objects');
  });

  test('is at most 8 MiB of content; what is smaller takes the room that a larger one leaves', () => {
    const big = (index: number) => aConfigMap(pad(index)).withData({ a: 'x'.repeat(1_000_000) });
    const objects = [...Array.from({ length: 9 }, (_, index) => shared(big(index))), shared(aConfigMap('small'))];

    const { within, beyond } = withinBounds(objects);

    expect(MOST_BYTES).toBe(8_388_608);
    expect(names(within)).toEqual([...Array.from({ length: 8 }, (_, index) => pad(index)), 'small'].sort());
    expect(beyond).toEqual([expect.objectContaining({ name: pad(8), reason: 'TooMany' })]);
    expect(beyond[0]?.message).toContain('at most 8 MiB');
  });

  test('counts bytes of Secrets decoded, and those of labels and annotations', () => {
    const big = (index: number) => shared(aSecret(pad(index)).withData({ a: 'x'.repeat(1_000_000) }));
    const eight = Array.from({ length: 8 }, (_, index) => big(index));
    const noted = shared(aConfigMap('z').withAnnotations({ note: 'x'.repeat(200_000) }));
    expect(withinBounds([...eight, noted]).beyond).toEqual([]);
    const third = [
      noted,
      ...['zz', 'zzz'].map(name => shared(aConfigMap(name).withAnnotations({ n: 'x'.repeat(200_000) }))),
    ];
    expect(withinBounds([...eight, ...third]).beyond.map(({ name }) => name)).toEqual(['zz', 'zzz']);
  });
});
