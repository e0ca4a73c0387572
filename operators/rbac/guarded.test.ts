import { describe, expect, test } from '@jest/globals';
import type { PolicyRule } from '../engagement/rbac-kinds.ts';
import { narrowedRules, unguarded, withheldRules } from './guarded.ts';

const core = (resources: readonly string[], verbs: readonly string[]): PolicyRule => ({
  verbs,
  apiGroups: [''],
  resources,
});
const everything: PolicyRule = { verbs: ['*'], apiGroups: ['*'], resources: ['*'] };
const readAll: PolicyRule = { ...everything, verbs: ['get', 'list', 'watch'] };
const ON_PROJECTS = { apiGroups: ['paddock.dev'], resources: ['projects'] };
const allProjects: PolicyRule = { ...ON_PROJECTS, verbs: ['manage-namespaces', 'update-pod-security'] };
const write = core(['namespaces'], ['create', 'patch']);

describe('without proven policies', () => {
  test.each<readonly [what: string, rules: readonly PolicyRule[], given: readonly PolicyRule[]]>([
    ['what has nothing to do with namespaces', [core(['pods'], ['*'])], [core(['pods'], ['*'])]],
    [
      'reading and deleting namespaces',
      [core(['namespaces'], ['get', 'delete'])],
      [core(['namespaces'], ['get', 'delete'])],
    ],
    ['writing namespaces', [write], []],
    [
      'reading and writing them',
      [core(['namespaces'], ['get', 'update', 'delete'])],
      [core(['namespaces'], ['get', 'delete'])],
    ],
    ['writing their status', [core(['namespaces/status', 'namespaces/finalize'], ['update'])], []],
    [
      'writing them and Pods',
      [core(['pods', 'namespaces'], ['create', 'get'])],
      [core(['pods'], ['create', 'get']), core(['namespaces'], ['get'])],
    ],
    ['every verb on namespaces', [core(['namespaces'], ['*'])], [core(['namespaces'], ['get', 'list', 'watch'])]],
    ['everything in a project', [everything], [readAll]],
    ['every status', [core(['*/status'], ['patch'])], []],
    [
      'namespaces of another group',
      [{ ...write, apiGroups: ['example.com'] }],
      [{ ...write, apiGroups: ['example.com'] }],
    ],
  ])('%s', (_what, rules, given) => {
    expect(unguarded(rules, 'Project')).toEqual(given);
  });

  test.each<readonly [what: string, rules: readonly PolicyRule[], given: readonly PolicyRule[]]>([
    ['everything', [everything], [everything]],
    ['namespaces with all projects', [write, allProjects], [write, allProjects]],
    [
      'namespaces with one verb on all projects',
      [write, { ...allProjects, verbs: ['manage-namespaces'] }],
      [{ ...allProjects, verbs: ['manage-namespaces'] }],
    ],
    [
      'namespaces with one project',
      [write, { ...allProjects, resourceNames: ['blue'] }],
      [{ ...allProjects, resourceNames: ['blue'] }],
    ],
    ['namespaces alone', [write], []],
  ])('in the whole cluster: %s', (_what, rules, given) => {
    expect(unguarded(rules, 'Cluster')).toEqual(given);
  });

  test('what is guarded stays where it is, and comes nowhere', () => {
    const read = core(['pods'], ['get']);
    expect(withheldRules([write, read], [write], 'Project')).toEqual([write, read]);
    expect(withheldRules([write, read], [read], 'Project')).toEqual([read]);
    expect(withheldRules([read], [write, read], 'Project')).toEqual([read]);
  });

  test('of a role only what is still wanted stays', () => {
    const had = { ...ON_PROJECTS, verbs: ['create-in-project', 'manage-namespaces'], resourceNames: ['blue'] };
    const wanted = { ...had, verbs: ['create-in-project', 'other'] };
    expect(narrowedRules([had, write], [wanted])).toEqual([{ ...had, verbs: ['create-in-project'] }]);
  });
});
