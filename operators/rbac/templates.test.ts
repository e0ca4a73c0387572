import { describe, expect, test } from '@jest/globals';
import { aTemplate } from '../../test/support/access-objects.ts';
import { TemplateBook } from './templates.ts';

const rule = (resource: string) => ({ verbs: ['get'], apiGroups: [''], resources: [resource] });

describe('inheritance', () => {
  const book = new TemplateBook([
    aTemplate('a', { inherits: ['b', 'c'], hubRules: [rule('a')] }),
    aTemplate('b', { inherits: ['d'], hubRules: [rule('b')] }),
    aTemplate('c', { inherits: ['d'] }),
    aTemplate('d', { hubRules: [rule('d')] }),
    aTemplate('e'),
  ]);

  test('goes over all links, each once', () => {
    expect(book.parts('a').sort()).toEqual(['a', 'b', 'c', 'd']);
    expect(book.inheritors('d')).toEqual(['a', 'b', 'c', 'd']);
    expect(book.inheritors('e')).toEqual(['e']);
    expect(book.hubRules('a')).toEqual([rule('a'), rule('b'), rule('d')]);
  });

  test('of templates that fit has no problem', () => {
    for (const name of book.names) expect(book.problem(name)).toBeUndefined();
  });
});

describe('a template that can’t be had as it is written', () => {
  const book = new TemplateBook([
    aTemplate('loop', { inherits: ['loop-2'] }),
    aTemplate('loop-2', { inherits: ['loop-3'] }),
    aTemplate('loop-3', { inherits: ['loop'] }),
    aTemplate('to-loop', { inherits: ['loop-2'] }),
    aTemplate('lost', { inherits: ['nowhere', 'fine'] }),
    aTemplate('above-lost', { inherits: ['lost'] }),
    aTemplate('mixed', { inherits: ['of-project'] }),
    aTemplate('of-project', { context: 'Project' }),
    aTemplate('by-name', { inherits: ['named'] }),
    aTemplate('named', { clusterRoleRef: 'view' }),
    aTemplate('fine'),
  ]);

  test.each([
    ['loop', 'InheritanceCycle', 'loop → loop-2 → loop-3 → loop'],
    ['loop-3', 'InheritanceCycle', 'loop-3 → loop → loop-2 → loop-3'],
    ['to-loop', 'InheritanceCycle', 'loop-2 → loop-3 → loop → loop-2'],
    ['mixed', 'InheritsUnfit', '"of-project" is of context Project, not Cluster'],
    ['by-name', 'InheritsUnfit', '"named" has a clusterRoleRef, "view"'],
  ])('%s: %s, and is frozen', (name, reason, message) => {
    expect(book.problem(name)).toMatchObject({ reason, frozen: true });
    expect(book.problem(name)?.message).toContain(message);
    expect(book.isReady(name)).toBe(false);
  });

  test.each([
    ['lost', '"nowhere"'],
    ['above-lost', '"nowhere"'],
  ])('%s: what it inherits is not there, and the rest is in force', (name, message) => {
    expect(book.problem(name)).toMatchObject({ reason: 'InheritsUnknown', frozen: false });
    expect(book.problem(name)?.message).toContain(message);
    expect(book.isReady(name)).toBe(true);
  });

  test('leaves the others alone', () => {
    for (const name of ['of-project', 'named', 'fine']) expect(book.problem(name)).toBeUndefined();
    expect(book.isReady('nowhere')).toBe(false);
  });
});

describe('verbs on projects', () => {
  const projects = (...verbs: string[]) => ({ verbs, apiGroups: ['paddock.dev'], resources: ['projects'] });

  test('are gathered from all that a template of context Project inherits', () => {
    const book = new TemplateBook([
      aTemplate('own', { context: 'Project', rules: [projects('manage-namespaces')], inherits: ['base'] }),
      aTemplate('base', { context: 'Project', rules: [projects('create-in-project', 'manage-namespaces')] }),
    ]);
    expect(book.projectVerbs('own')).toEqual(['create-in-project', 'manage-namespaces']);
  });

  test('are not meant by wildcards, nor by templates of context Cluster', () => {
    const all = { verbs: ['*'], apiGroups: ['*'], resources: ['*'] };
    const book = new TemplateBook([
      aTemplate('all', { context: 'Project', rules: [all] }),
      aTemplate('cluster', { rules: [projects('manage-namespaces')] }),
    ]);
    expect(book.projectVerbs('all')).toEqual([]);
    expect(book.projectVerbs('cluster')).toEqual([]);
  });
});
