import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { KubeObject } from './resource.ts';
import { Store } from './store.ts';

const SEED = 6;

interface Labelled extends KubeObject {
  readonly labels: readonly string[];
}

const object = (name: string, labels: readonly string[]): Labelled => ({ metadata: { name }, labels });
const names = (objects: readonly KubeObject[]) => objects.map(({ metadata }) => metadata?.name).sort();

describe('Store', () => {
  test('indexes what is there when the index is added, and what comes', () => {
    const store = new Store<Labelled>();
    store.set('a', object('a', ['x', 'y']));
    store.addIndex('labels', ({ labels }) => labels);
    store.set('b', object('b', ['y']));
    expect(names(store.byIndex('labels', 'y'))).toEqual(['a', 'b']);
    expect(store.byIndex('labels', 'z')).toEqual([]);
  });

  test('a change moves an object between the values', () => {
    const store = new Store<Labelled>();
    store.addIndex('labels', ({ labels }) => labels);
    store.set('a', object('a', ['x']));
    expect(store.set('a', object('a', ['y']))?.labels).toEqual(['x']);
    expect(store.byIndex('labels', 'x')).toEqual([]);
    expect(names(store.byIndex('labels', 'y'))).toEqual(['a']);
    expect(store.delete('a')?.labels).toEqual(['y']);
    expect(store.byIndex('labels', 'y')).toEqual([]);
    expect(store.delete('a')).toBeUndefined();
  });

  test('an index of the same name is shared, an unknown one is named', () => {
    const store = new Store<Labelled>();
    store.addIndex('labels', ({ labels }) => labels);
    store.addIndex('labels', () => ['never']);
    store.set('a', object('a', ['x']));
    expect(store.byIndex('labels', 'never')).toEqual([]);
    expect(() => store.byIndex('label', 'x')).toThrow('index "label" was never added: call addIndex');
  });

  test('property: an index finds what a scan finds', () => {
    const key = fc.constantFrom('a', 'b', 'c', 'd');
    const labels = fc.array(fc.constantFrom('x', 'y', 'z'), { maxLength: 4 });
    const step = fc.record({ key, labels: fc.option(labels, { nil: undefined }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.nat(40), (steps, indexAt) => {
        const store = new Store<Labelled>();
        const model = new Map<string, Labelled>();
        steps.forEach((each, index) => {
          if (index === indexAt) store.addIndex('labels', found => found.labels);
          const wanted = each.labels && object(each.key, each.labels);
          if (wanted) {
            store.set(each.key, wanted);
            model.set(each.key, wanted);
          } else {
            store.delete(each.key);
            model.delete(each.key);
          }
        });
        store.addIndex('labels', found => found.labels);
        expect([...store.values()].sort(byName)).toEqual([...model.values()].sort(byName));
        for (const label of ['x', 'y', 'z']) {
          const scanned = [...model.values()].filter(found => found.labels.includes(label));
          expect(names(store.byIndex('labels', label))).toEqual(names(scanned));
        }
      }),
      { seed: SEED },
    );
  });
});

const byName = (a: KubeObject, b: KubeObject) => ((a.metadata?.name ?? '') < (b.metadata?.name ?? '') ? -1 : 1);
