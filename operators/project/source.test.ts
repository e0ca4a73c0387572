import { describe, expect, test } from '@jest/globals';
import { ANNOTATION_LEAVE_OUT, ANNOTATION_NAMESPACES } from '#api';
import { aConfigMap, aSecret, type ContentBuilder } from '../../test/support/objects.ts';
import { isTemplate, templateOf } from './desired.ts';
import { keptOf, sharingOf } from './source.ts';

const owner = { project: 'payments', projectUid: 'uid', cluster: 'edge-1', hub: 'hub' };
const kept = (object: ContentBuilder) => keptOf(object.kind)(object.shared().build('p-edge-1--payments'));
const large = aConfigMap('large')
  .withData({ a: 'x'.repeat(100_000) })
  .withLabels({ app: 'db' });

describe('of a shared object the cache keeps', () => {
  test('all that a copy has', () => {
    const { apiVersion: _version, kind: _kind, ...whole } = large.shared().build('p-edge-1--payments');
    expect(kept(large)).toEqual(whole);
  });

  test.each([
    ['a selector of 160 KB', large.forNamespaces('!a,'.repeat(53_000)), 'InvalidSelector'],
    ['a selector that does not parse', large.forNamespaces('a in b'), 'InvalidSelector'],
    [
      'a list of prefixes of 160 KB',
      large.withAnnotations({ [ANNOTATION_LEAVE_OUT]: 'a,'.repeat(80_000) }),
      'InvalidLeaveOut',
    ],
    [
      'a Helm release',
      aSecret('h')
        .ofType('helm.sh/release.v1')
        .withData({ a: 'x'.repeat(9_000) }),
      'Refused',
    ],
    ['a name of Kubernetes', aConfigMap('kube-root-ca.crt').withData({ a: 'x'.repeat(9_000) }), 'Refused'],
  ])('no content with %s, and the same reason', (_, object, reason) => {
    const source = kept(object.withAnnotations({ note: 'x'.repeat(50_000) }));
    expect(JSON.stringify(source).length).toBeLessThan(13_000);
    expect(source).not.toHaveProperty('data');
    expect(sharingOf(object.kind, source)).toMatchObject({ reason, name: object.name });
    expect(templateOf(object.kind, source, owner)).toMatchObject({ reason, name: object.name });
    expect(templateOf(object.kind, object.build('p'), owner)).toEqual(templateOf(object.kind, source, owner));
  });

  test('no more of other metadata than there is use for', () => {
    const source = large.build('p-edge-1--payments');
    const metadata = {
      ...source.metadata,
      finalizers: Array(9_000).fill('a/b'),
      ownerReferences: [],
      managedFields: [],
    };
    expect(Object.keys(keptOf('ConfigMap')({ ...source, metadata }).metadata ?? {}).sort()).toEqual([
      'annotations',
      'labels',
      'name',
      'namespace',
    ]);
  });
});

test('a type of Secret is no property of every object', () => {
  expect(isTemplate(templateOf('Secret', aSecret('a').ofType('constructor').build('p'), owner))).toBe(true);
});

test('objects with equal selectors share one that is parsed', () => {
  const selectorOf = (name: string, text: string) => {
    const result = templateOf('Secret', aSecret(name).forNamespaces(text).build('p'), owner);
    return isTemplate(result) ? result.selector : undefined;
  };
  expect(selectorOf('one', 'tier=gold')).toBeDefined();
  expect(selectorOf('one', 'tier=gold')).toBe(selectorOf('two', 'tier=gold'));
});

test('what a source leaves out by its annotation, its copies do not have; our marks they have all the same', () => {
  const object = aSecret('db')
    .withLabels({ app: 'db', 'example.com/a': 'b', 'app.kubernetes.io/part-of': 'shop' })
    .withAnnotations({
      'example.com/c': 'd',
      note: 'x',
      [ANNOTATION_LEAVE_OUT]: 'example.com/,p,app.',
      [ANNOTATION_NAMESPACES]: '',
    });
  expect(templateOf('Secret', object.shared().build('p'), owner)).toMatchObject({
    labels: {
      app: 'db',
      'app.kubernetes.io/managed-by': 'paddock',
      'paddock.dev/owner': 'project.payments',
      'paddock.dev/cluster': 'edge-1',
    },
    annotations: { note: 'x', 'paddock.dev/owner-uid': 'uid', 'paddock.dev/hub': 'hub' },
  });
});
