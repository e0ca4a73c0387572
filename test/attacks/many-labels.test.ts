import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from '@jest/globals';
import {
  ANNOTATION_OWN_POD_SECURITY,
  ANNOTATION_OWNER_UID,
  ANNOTATION_PROJECT_UID,
  LABEL_OWNER,
  LABEL_PROJECT,
} from '#api';
import type { KubeObject } from '#runtime';
import { boundedMetadata, MOST_FIELDS } from '../../operators/engagement/bounded-fields.ts';
import { memberNamespaceOf } from '../../operators/engagement/membership.ts';
import { copyOf, templateOf } from '../../operators/project/desired.ts';
import { keptOf } from '../../operators/project/source.ts';
import { ENFORCE } from './peopled-cluster.ts';

/** Kubernetes bounds neither the number of labels nor, but for 256 KiB, that of annotations. Each took 90 bytes here. */

const owner = { project: 'payments', projectUid: 'uid', cluster: 'edge-1', hub: 'hub' };
/** Others than those of any other object, so that texts are not shared. */
const many = (index: number, count = 20_000) =>
  Object.fromEntries(Array.from({ length: count }, (_, each) => [`a${index}x${each}`, '']));

/** What caches keep of the objects that people of projects write. */
const KEPT: Readonly<Record<string, (object: KubeObject) => object>> = {
  'a namespace': memberNamespaceOf,
  'an object with the marks of a copy': copyOf,
  'a shared object': keptOf('ConfigMap'),
  'a binding': boundedMetadata,
};
/** As a watch delivers it. */
const delivered = (object: object) => JSON.parse(JSON.stringify(object)) as KubeObject;

describe('memory stays flat', () => {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const heap = () => {
    collect();
    return process.memoryUsage().heapUsed / 2 ** 20;
  };

  /** MiB that are kept of 20 objects with 20,000 of one part each. */
  const kept = (part: string, keep: (object: KubeObject) => object) => {
    const isList = part === 'finalizers' || part === 'ownerReferences';
    const object = (index: number) => {
      const fields = many(index);
      return { metadata: { name: `n-${index}`, [part]: isList ? Object.keys(fields) : fields } };
    };
    const before = heap();
    const all = Array.from({ length: 20 }, (_, index) => keep(delivered(object(index))));
    const growth = heap() - before;
    expect(all).toHaveLength(20);
    return growth;
  };

  test('which it is not where they are kept whole', () => {
    expect(kept('labels', object => object)).toBeGreaterThan(16);
  });

  test.each(
    Object.entries(KEPT).flatMap(([what, keep]) =>
      ['labels', 'annotations', 'finalizers', 'ownerReferences']
        // a policy of the hub bounds these
        .filter(part => what !== 'a binding' || part !== 'finalizers')
        .map(part => [what, part, keep] as const),
    ),
  )('of %s with very many %s', (_what, part, keep) => {
    expect(kept(part, keep)).toBeLessThan(6);
  });
});

describe('what Paddock goes by is not hidden behind others', () => {
  const labels = {
    ...many(0),
    [LABEL_PROJECT]: 'payments',
    [ENFORCE]: 'restricted',
    [LABEL_OWNER]: 'project.payments',
  };
  const annotations = {
    ...many(1),
    [ANNOTATION_PROJECT_UID]: 'uid',
    [ANNOTATION_OWN_POD_SECURITY]: '{}',
    [ANNOTATION_OWNER_UID]: 'uid',
  };

  test('of a namespace', () => {
    const { metadata } = memberNamespaceOf(delivered({ metadata: { name: 'n', labels, annotations } }));
    expect(metadata?.labels).toMatchObject({ [LABEL_PROJECT]: 'payments', [ENFORCE]: 'restricted' });
    expect(metadata?.annotations).toMatchObject({
      [ANNOTATION_PROJECT_UID]: 'uid',
      [ANNOTATION_OWN_POD_SECURITY]: '{}',
    });
  });

  test('nor what a project gave a namespace', () => {
    const fieldsV1 = { 'f:metadata': { 'f:labels': { 'f:z': {} } } };
    const managedFields = [{ manager: 'paddock-project', operation: 'Apply', fieldsV1 }];
    const given = { ...many(0), z: 'given' };
    const { metadata } = memberNamespaceOf(delivered({ metadata: { name: 'n', labels: given, managedFields } }));
    expect(metadata?.labels).toHaveProperty('z', 'given');
  });

  test.each([copyOf, boundedMetadata])('of a copy, or a binding', keep => {
    const { metadata } = keep(delivered({ metadata: { name: 'n', labels, annotations } })) as KubeObject;
    expect(metadata?.labels).toHaveProperty([LABEL_OWNER], 'project.payments');
    expect(metadata?.annotations).toHaveProperty([ANNOTATION_OWNER_UID], 'uid');
  });
});

describe('a shared object', () => {
  const source = (labels: object) => keptOf('Secret')(delivered({ metadata: { name: 'n', labels }, data: {} }));

  test('with as many labels as are kept is copied whole, and known again', () => {
    const labels = many(0, MOST_FIELDS);
    const template = templateOf('Secret', source(labels), owner);
    expect(template).toMatchObject({ labels });
    const copy = copyOf(delivered(JSON.parse((template as { readonly json: string }).json)));
    expect(copy.metadata?.labels).toEqual((template as { readonly labels: object }).labels);
  });

  test('with more is named and not copied', () => {
    expect(templateOf('Secret', source(many(0, MOST_FIELDS + 1)), owner)).toMatchObject({
      name: 'n',
      reason: 'TooMany',
    });
  });
});
