import type { Project, ProjectSpec } from '#api';
import { isConditionTrue } from '#runtime';
import { eventually } from '../support/eventually.ts';
import { givenTwoSources, TWO, twoSourcesPicture } from './given.ts';
import { alike, type Picture } from './picture.ts';
import type { Stage } from './stage.ts';

/** A change that an operator carries out, and what it must come to however often the operator dies. */
export interface Scenario {
  readonly name: string;
  /** What users made before, and what it has come to when the change is made; without `begin` it is not waited for. */
  readonly before: (stage: Stage) => Promise<void>;
  readonly begin?: Picture;
  /** Made while no operator runs. */
  readonly change: (stage: Stage) => Promise<void>;
  readonly end: Picture;
  /** Writes that the change takes at least. */
  readonly leastWrites: number;
}

const isReady = (project: Project | undefined) => isConditionTrue(project?.status?.conditions, 'Ready');

/** Namespaces. */
const COUNT = 5;
const COPIES = 2 * COUNT;
const A = { member: 'a', team: 'a' };
const B = { member: 'b', team: 'b' };
const SPEC = { namespaceLabels: { team: 'a' } };

const quota = (hard: number, each: number): ProjectSpec => ({
  resourceQuota: { hard: { pods: hard }, namespaceDefault: { pods: each } },
});
const share = (pods: number, project = 'a') => `ResourceQuota paddock={"hard":{"pods":"${pods}"}} of ${project}`;
/** A project with this quota and all namespaces as members. */
const withQuota = (spec: ProjectSpec) => async (stage: Stage) => {
  await stage.createHome('a');
  await stage.createNamespaces(COUNT, 'a');
  await stage.createProject('a', spec);
};
const NO_COPIES = 'ready: 0 copies of 0 objects';

const twoSources = (stage: Stage) => givenTwoSources(stage, COUNT);
const TWO_SOURCES = twoSourcesPicture(COUNT);

/** Of what is shared, labels and membership. */
export const SHARING_SCENARIOS: readonly Scenario[] = [
  {
    name: 'a project is created with two shared objects',
    before: async () => undefined,
    change: twoSources,
    end: TWO_SOURCES,
    leastWrites: 2 + COUNT + COPIES + 1, // finalizer, namespace; labels; copies; status
  },
  {
    name: 'a project is created and gets its namespace',
    before: stage => stage.createNamespaces(COUNT, 'a'),
    change: async stage => {
      await stage.createProject('a', SPEC);
    },
    end: { namespaces: alike(COUNT, { ...A, objects: [] }), projects: { a: 'ready: 0 copies of 0 objects' } },
    leastWrites: 2 + COUNT + 1,
  },
  {
    name: 'a shared object is updated',
    before: twoSources,
    begin: TWO_SOURCES,
    change: stage => stage.change('a', 'Secret', 'token', { value: '2' }),
    end: {
      namespaces: alike(COUNT, { ...A, objects: ['ConfigMap settings=1 of a', 'Secret token=2 of a'] }),
      projects: { a: `ready: ${COPIES} copies of 2 objects` },
    },
    leastWrites: COUNT,
  },
  {
    name: 'a selector is narrowed',
    before: async stage => {
      await twoSources(stage);
      await Promise.all([1, 2].map(number => stage.label(number, { tier: 'front' })));
    },
    begin: TWO_SOURCES,
    change: stage => stage.change('a', 'Secret', 'token', { namespaces: 'tier=front' }),
    end: {
      namespaces: [
        ...alike(2, { ...A, objects: TWO }),
        ...alike(COUNT - 2, { ...A, objects: ['ConfigMap settings=1 of a'] }),
      ],
      projects: { a: `ready: ${COUNT + 2} copies of 2 objects` },
    },
    leastWrites: COUNT - 2 + 1, // copies, status
  },
  {
    name: 'an immutable shared object is replaced',
    before: async stage => {
      await stage.createHome('a');
      await stage.createNamespaces(COUNT, 'a');
      await stage.share('a', 'Secret', 'token', { value: '1', immutable: true });
      await stage.createProject('a', SPEC);
    },
    begin: {
      namespaces: alike(COUNT, { ...A, objects: ['Secret token=1 of a immutable'] }),
      projects: { a: `ready: ${COUNT} copies of 1 objects` },
    },
    change: async stage => {
      await stage.unshare('a', 'Secret', 'token');
      await stage.share('a', 'Secret', 'token', { value: '2', immutable: true });
    },
    end: {
      namespaces: alike(COUNT, { ...A, objects: ['Secret token=2 of a immutable'] }),
      projects: { a: `ready: ${COUNT} copies of 1 objects` },
    },
    leastWrites: 2 * COUNT,
  },
  {
    name: 'namespaces move to a project with a Secret of the same name',
    before: async stage => {
      await twoSources(stage);
      await stage.createHome('b');
      await stage.share('b', 'Secret', 'token', { value: 'of-b' });
      await stage.createProject('b', { namespaceLabels: { team: 'b' } });
    },
    begin: { ...TWO_SOURCES, projects: { ...TWO_SOURCES.projects, b: 'ready: 0 copies of 1 objects' } },
    change: async stage => {
      for (let number = 1; number <= COUNT; number++) await stage.move(number, 'b');
    },
    end: {
      namespaces: alike(COUNT, { ...B, objects: ['Secret token=of-b of b'] }),
      projects: { a: 'ready: 0 copies of 2 objects', b: `ready: ${COUNT} copies of 1 objects` },
    },
    leastWrites: 3 * COUNT + 2, // a copy goes and one changes, and a label, in each; two statuses
  },
  {
    name: 'namespaces are detached',
    before: twoSources,
    begin: TWO_SOURCES,
    change: async stage => {
      for (let number = 1; number <= COUNT; number++) await stage.move(number, null);
    },
    end: { namespaces: alike(COUNT, { objects: [] }), projects: { a: 'ready: 0 copies of 2 objects' } },
    leastWrites: COPIES + COUNT + 1,
  },
  {
    name: 'a project is deleted that retains its namespaces',
    before: twoSources,
    begin: TWO_SOURCES,
    change: stage => stage.deleteProject('a'),
    end: { namespaces: alike(COUNT, { objects: [] }), projects: { a: 'gone' } },
    leastWrites: COPIES + 2 * COUNT + 2, // copies; labels, memberships; namespace, finalizer
  },
  {
    name: 'a project is deleted with its namespaces',
    before: async stage => {
      await stage.createHome('a');
      await stage.share('a', 'Secret', 'token', { value: '1' });
      // it takes along what joins it before the operator's eyes: what is older, or perhaps so, stays
      await stage.createProject('a', { ...SPEC, deletionPolicy: 'Delete' });
      await eventually(async () => isReady(await stage.findProject('a')), {
        timeoutMs: 60_000,
        what: `the operator works for project ${stage.project('a')}`,
      });
      await stage.createNamespaces(COUNT, 'a');
    },
    begin: {
      namespaces: alike(COUNT, { ...A, objects: ['Secret token=1 of a'] }),
      projects: { a: `ready: ${COUNT} copies of 1 objects` },
    },
    change: stage => stage.deleteProject('a'),
    end: { namespaces: [], projects: { a: 'gone' } },
    leastWrites: COUNT + 2,
  },
];

/** Of what limits namespaces. */
export const QUOTA_SCENARIOS: readonly Scenario[] = [
  {
    name: 'quota, limits and pod security are put on',
    before: withQuota({}),
    begin: { namespaces: alike(COUNT, { member: 'a', objects: [] }), projects: { a: NO_COPIES } },
    change: stage =>
      stage.changeProject('a', {
        ...quota(10, 2),
        containerDefaults: { limits: { cpu: '1' } },
        podSecurity: { enforce: 'baseline' },
      }),
    end: {
      namespaces: alike(COUNT, {
        member: 'a',
        objects: [
          'LimitRange paddock={"limits":[{"type":"Container","default":{"cpu":"1"},"defaultRequest":{"cpu":"1"}}]} of a',
          share(2),
        ],
      }),
      projects: { a: `${NO_COPIES}, 10 of 10 pods given` },
    },
    leastWrites: 3 * COUNT + 2, // a label and two objects in each; ledger, status
  },
  {
    name: 'a share is taken from one namespace and given to another',
    before: withQuota(quota(2 * COUNT, 2)),
    begin: {
      namespaces: alike(COUNT, { member: 'a', objects: [share(2)] }),
      projects: { a: `${NO_COPIES}, 10 of 10 pods given` },
    },
    change: async stage => {
      await stage.override(1, { pods: '0' });
      await stage.override(2, { pods: '4' });
    },
    end: {
      namespaces: [
        { member: 'a', objects: [share(0)] },
        { member: 'a', objects: [share(4)] },
        ...alike(COUNT - 2, { member: 'a', objects: [share(2)] }),
      ],
      projects: { a: `${NO_COPIES}, 10 of 10 pods given` },
    },
    leastWrites: 4, // less for one, ledger, more for the other, ledger
  },
  {
    name: 'namespaces move to a project with another quota',
    before: async stage => {
      await withQuota(quota(2 * COUNT, 2))(stage);
      await stage.createHome('b');
      await stage.createProject('b', quota(COUNT, 1));
    },
    begin: {
      namespaces: alike(COUNT, { member: 'a', objects: [share(2)] }),
      projects: { a: `${NO_COPIES}, 10 of 10 pods given`, b: `${NO_COPIES}, 0 of 5 pods given` },
    },
    change: async stage => {
      for (let number = 1; number <= COUNT; number++) await stage.move(number, 'b');
    },
    end: {
      namespaces: alike(COUNT, { member: 'b', objects: [share(1, 'b')] }),
      projects: { a: `${NO_COPIES}, 0 of 10 pods given`, b: `${NO_COPIES}, 5 of 5 pods given` },
    },
    leastWrites: COUNT + 2,
  },
];
