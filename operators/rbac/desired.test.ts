import { describe, expect, test } from '@jest/globals';
import { aTemplate } from '../../test/support/access-objects.ts';
import { bindings, projectRole, SHARD, templateOf, templateRoles } from './desired.ts';
import { rbacSubject } from './subjects.ts';
import { TemplateBook } from './templates.ts';

const ORIGIN = { cluster: 'edge-1', hub: 'hub-uid' };
const pods = { verbs: ['get'], apiGroups: [''], resources: ['pods'] };
const manage = { verbs: ['manage-namespaces'], apiGroups: ['paddock.dev'], resources: ['projects'] };

describe('the ClusterRoles of a template', () => {
  const book = new TemplateBook([
    aTemplate('reader', { context: 'Project', rules: [pods, manage] }),
    aTemplate('writer', { context: 'Project', inherits: ['reader'] }),
    aTemplate('named', { clusterRoleRef: 'view' }),
  ]);

  test('are one with its rules, which count for all that inherit it, and one that only aggregates', () => {
    const [rules, role] = templateRoles(book, 'reader', ORIGIN);
    expect(rules?.metadata?.name).toBe('paddock:reader:rules');
    expect(rules?.metadata?.labels).toMatchObject({
      'aggregate.paddock.dev/reader': 'true',
      'aggregate.paddock.dev/writer': 'true',
      'paddock.dev/owner': 'RoleTemplate.reader',
      'paddock.dev/cluster': 'edge-1',
    });
    expect(role?.aggregationRule?.clusterRoleSelectors).toEqual([
      {
        matchLabels: {
          'aggregate.paddock.dev/reader': 'true',
          'app.kubernetes.io/managed-by': 'paddock',
          'paddock.dev/cluster': 'edge-1',
        },
        matchExpressions: [{ key: 'paddock.dev/owner', operator: 'Exists' }],
      },
    ]);
    expect(rules && templateOf(rules)).toBe('reader');
  });

  test('do not hold what a project’s template says about projects', () => {
    expect(templateRoles(book, 'reader', ORIGIN)[0]?.rules).toEqual([pods]);
  });

  test('are none where a ClusterRole is named', () => {
    expect(templateRoles(book, 'named', ORIGIN)).toEqual([]);
  });

  test('of a rule for projects among other things hold the other things', () => {
    const mixed = { ...manage, resources: ['projects', 'plans'] };
    const one = new TemplateBook([aTemplate('mixed', { context: 'Project', rules: [mixed] })]);
    expect(templateRoles(one, 'mixed', ORIGIN)[0]?.rules).toEqual([{ ...mixed, resources: ['plans'] }]);
  });
});

describe('what a template says about projects', () => {
  test('is a role that names the project alone', () => {
    const book = new TemplateBook([aTemplate('manager', { context: 'Project', rules: [manage] })]);
    expect(projectRole(book, 'manager', 'blue', ORIGIN)?.rules).toEqual([{ ...manage, resourceNames: ['blue'] }]);
  });

  test('brings the right to create namespaces with create-in-project, and its marker', () => {
    const create = { ...manage, verbs: ['create-in-project'] };
    const book = new TemplateBook([aTemplate('maker', { context: 'Project', rules: [create] })]);
    expect(projectRole(book, 'maker', 'blue', ORIGIN)?.rules).toEqual([
      { ...create, resourceNames: ['blue'] },
      { ...create, resourceNames: ['any'] },
      { verbs: ['create'], apiGroups: [''], resources: ['namespaces'] },
    ]);
  });

  test('is nothing for a template that says nothing', () => {
    const book = new TemplateBook([aTemplate('reader', { context: 'Project', rules: [pods] })]);
    expect(projectRole(book, 'reader', 'blue', ORIGIN)).toBeUndefined();
  });
});

test('bindings have so many subjects at most, and numbers', () => {
  const book = new TemplateBook([aTemplate('reader')]);
  const subjects = Array.from({ length: SHARD + 1 }, (_, index) => rbacSubject({ kind: 'User', name: `u${index}` }));
  const role = { kind: 'ClusterRole', name: 'paddock:reader' } as const;
  const made = bindings(book, { base: 'paddock:reader', template: 'reader', role, subjects }, ORIGIN);
  expect(made.map(({ metadata }) => metadata?.name)).toEqual(['paddock:reader', 'paddock:reader:2']);
  expect(made.map(binding => binding.subjects?.length)).toEqual([SHARD, 1]);
  expect(bindings(book, { base: 'x', template: 'reader', role, subjects: [] }, ORIGIN)).toEqual([]);
});
