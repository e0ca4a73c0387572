import { describe, expect, test } from '@jest/globals';
import type { KubeObject } from './resource.ts';
import type { Selection } from './selection.ts';
import { selects } from './selects.ts';

const object: KubeObject = { metadata: { name: 'a', namespace: 'x', labels: { app: 'y' } } };

describe('selects', () => {
  test.each<[Selection, boolean | undefined]>([
    [{}, true],
    [{ namespace: 'x' }, true],
    [{ namespace: 'y' }, false],
    [{ labelSelector: 'app=y' }, true],
    [{ labelSelector: '!app' }, false],
    [{ fieldSelector: 'metadata.name=a' }, true],
    [{ fieldSelector: 'metadata.name==a,metadata.namespace=x' }, true],
    [{ fieldSelector: 'metadata.name=b' }, false],
    [{ fieldSelector: 'metadata.name!=b' }, true],
    [{ fieldSelector: 'metadata.name!=a' }, false],
    [{ fieldSelector: 'type=Opaque' }, undefined],
    [{ fieldSelector: 'type=Opaque,metadata.name=a' }, undefined],
    [{ fieldSelector: 'type=Opaque,metadata.name=b' }, false],
  ])('%j: %s', (selection, selected) => {
    expect(selects(selection)(object)).toBe(selected);
  });

  test('an object without a namespace is in none', () => {
    const cluster: KubeObject = { metadata: { name: 'a' } };
    expect(selects({ fieldSelector: 'metadata.namespace=x' })(cluster)).toBe(false);
    expect(selects({ fieldSelector: 'metadata.namespace=' })(cluster)).toBe(true);
  });
});
