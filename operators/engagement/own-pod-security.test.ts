import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ANNOTATION_OWN_POD_SECURITY, type ProjectSpec } from '#api';
import type { KubeObject } from '#runtime';
import { formerSecurity, memberSecurity, type SecurityChange } from './own-pod-security.ts';
import { compareLevels, isLevel, type Level, policyOfLabels } from './pod-security.ts';
import { formatRecord, readRecord } from './security-record.ts';

type Suffixes = Readonly<Record<string, string>>;
type PodSecurity = NonNullable<ProjectSpec['podSecurity']>;

const PREFIX = 'pod-security.kubernetes.io/';
const labels = (suffixes: Suffixes) =>
  Object.fromEntries(Object.entries(suffixes).map(([key, value]) => [`${PREFIX}${key}`, value]));

/** A namespace with labels of pod security, and a record of what is its own. */
function aNamespace(has: Suffixes, record?: string): KubeObject {
  const annotations = record === undefined ? {} : { [ANNOTATION_OWN_POD_SECURITY]: record };
  return { metadata: { name: 'a', labels: labels(has), annotations } };
}

const recordOf = (own: Suffixes, inForce: Suffixes, project = 'uid-1') => JSON.stringify({ ...own, inForce, project });
const aProject = (podSecurity: PodSecurity = {}, uid = 'uid-1') => ({ uid, spec: { podSecurity } });

function changed({ metadata }: KubeObject, change: SecurityChange | undefined): KubeObject {
  const merged = (fields: Suffixes = {}, patch: Readonly<Record<string, string | null>> = {}) =>
    Object.fromEntries(Object.entries({ ...fields, ...patch }).filter(([, value]) => value !== null)) as Suffixes;
  const annotation = change?.annotation === undefined ? {} : { [ANNOTATION_OWN_POD_SECURITY]: change.annotation };
  return {
    metadata: {
      ...metadata,
      labels: merged(metadata?.labels, change?.labels),
      annotations: merged(metadata?.annotations, annotation),
    },
  };
}

const suffixesOf = ({ metadata }: KubeObject) =>
  Object.fromEntries(Object.entries(metadata?.labels ?? {}).map(([key, value]) => [key.slice(PREFIX.length), value]));
const recordIn = ({ metadata }: KubeObject) => metadata?.annotations?.[ANNOTATION_OWN_POD_SECURITY];

const BASELINE = { enforce: 'baseline', 'enforce-version': 'latest' };
const RESTRICTED = { enforce: 'restricted', 'enforce-version': 'latest' };

describe('a member', () => {
  test.each<[string, Suffixes, string | undefined, PodSecurity, Suffixes, Suffixes]>([
    // what, labels, record, the Project's; labels then, own then
    ['joins', {}, undefined, { enforce: 'baseline' }, BASELINE, {}],
    [
      'joins with a stricter level',
      { enforce: 'restricted' },
      undefined,
      { enforce: 'baseline' },
      { enforce: 'restricted' },
      { enforce: 'restricted' },
    ],
    [
      'joins with a looser level',
      { enforce: 'privileged' },
      undefined,
      { enforce: 'baseline' },
      BASELINE,
      { enforce: 'privileged' },
    ],
    ['joins a Project without any', { warn: 'baseline' }, undefined, {}, { warn: 'baseline' }, { warn: 'baseline' }],
    [
      'is made stricter',
      { enforce: 'restricted', 'enforce-version': 'latest' },
      recordOf({}, BASELINE),
      { enforce: 'baseline' },
      RESTRICTED,
      RESTRICTED,
    ],
    [
      'gets a mode that the Project does not name',
      { ...BASELINE, audit: 'restricted' },
      recordOf({}, BASELINE),
      { enforce: 'baseline' },
      { ...BASELINE, audit: 'restricted' },
      { audit: 'restricted' },
    ],
    ['is made looser', { enforce: 'privileged' }, recordOf({}, BASELINE), { enforce: 'baseline' }, BASELINE, {}],
    ['loses its level', {}, recordOf({}, BASELINE), { enforce: 'baseline' }, BASELINE, {}],
    [
      'loses its own level',
      {},
      recordOf({ enforce: 'restricted' }, { enforce: 'restricted' }),
      {},
      { enforce: 'restricted' },
      { enforce: 'restricted' },
    ],
    [
      'is put on an earlier version',
      { enforce: 'baseline', 'enforce-version': 'v1.20' },
      recordOf({}, BASELINE),
      { enforce: 'baseline' },
      BASELINE,
      {},
    ],
    [
      'is put on a later version',
      { enforce: 'baseline', 'enforce-version': 'v1.30' },
      recordOf({}, { enforce: 'baseline', 'enforce-version': 'v1.20' }),
      { enforce: 'baseline', version: 'v1.20' },
      { enforce: 'baseline', 'enforce-version': 'v1.20' },
      { enforce: 'baseline', 'enforce-version': 'v1.30' },
    ],
    [
      'loses its version, which is the latest',
      { enforce: 'baseline' },
      recordOf({}, BASELINE),
      { enforce: 'baseline' },
      BASELINE,
      {},
    ],
    ['stays as its Project asks for more', BASELINE, recordOf({}, BASELINE), { enforce: 'restricted' }, RESTRICTED, {}],
    ['stays as its Project asks for less', RESTRICTED, recordOf({}, RESTRICTED), { enforce: 'baseline' }, BASELINE, {}],
    [
      'stays as its Project asks for less than its own',
      RESTRICTED,
      recordOf(BASELINE, RESTRICTED),
      {},
      BASELINE,
      BASELINE,
    ],
    ['moved here', BASELINE, recordOf({}, BASELINE, 'uid-0'), {}, BASELINE, BASELINE],
    [
      'moved here, and was loosened meanwhile',
      {},
      recordOf({}, RESTRICTED, 'uid-0'),
      { enforce: 'baseline' },
      RESTRICTED,
      RESTRICTED,
    ],
    [
      'has a level of its own lowered in the record',
      { enforce: 'restricted' },
      recordOf({ enforce: 'baseline' }, { enforce: 'restricted' }),
      {},
      { enforce: 'baseline' },
      { enforce: 'baseline' },
    ],
    [
      'has an unknown level',
      { enforce: 'strong' },
      undefined,
      { enforce: 'baseline' },
      { enforce: 'restricted' },
      { enforce: 'restricted' },
    ],
  ])('that %s', (_what, has, record, podSecurity, then, own) => {
    const before = aNamespace(has, record);
    const namespace = changed(before, memberSecurity(before, aProject(podSecurity)));
    expect(suffixesOf(namespace)).toEqual(then);
    expect(recordIn(namespace)).toBe(recordOf(own, then));
    expect(memberSecurity(namespace, aProject(podSecurity))).toBeUndefined();
  });

  test('of which nothing is asked has no record, and loses the one of before', () => {
    expect(memberSecurity(aNamespace({}), aProject())).toBeUndefined();
    expect(memberSecurity(aNamespace({ 'enforce-version': 'v1.30' }), aProject())).toBeUndefined();
    const before = aNamespace({ ...BASELINE }, recordOf({}, BASELINE));
    const namespace = changed(before, memberSecurity(before, aProject()));
    expect(suffixesOf(namespace)).toEqual({});
    expect(recordIn(namespace)).toBeUndefined();
  });
});

const GARBAGE = [
  '',
  'null',
  '[]',
  '{}',
  '{"enforce":"privileged"}',
  '{"enforce":"privileged","inForce":{},"project":7}',
  '{"enforce":"privileged","inForce":{"enforce":"restricted"},"project":""}',
  '{"enforce":"none","inForce":{"enforce":"restricted"},"project":"uid-1"}',
  '{"enforce-version":"v1.1","inForce":{"enforce":"restricted"},"project":"uid-1"}',
  '{"inForce":{"enforce":"restricted","enforce-version":"1"},"project":"uid-1"}',
  '{"inForce":{"enforce":"restricted"},"project":"uid-1","__proto__":{"enforce":"privileged"}}',
  '{"inForce":{"enforce":"restricted"},"project":"uid-1","more":"x"}',
  `{"inForce":{"enforce":"restricted"},"project":"uid-1"${' '.repeat(1_024)}}`,
  '{"inForce":{"enforce":"restricted"},"project":"uid-1"',
];

test.each(GARBAGE.map(text => [text.slice(0, 80), text]))(
  'garbage lowers nothing, and is replaced: %s',
  (_start, text) => {
    expect(readRecord(text)).toBeUndefined();
    const before = aNamespace({ enforce: 'restricted' }, text);
    const member = changed(before, memberSecurity(before, aProject({ enforce: 'baseline' })));
    expect(suffixesOf(member)).toEqual({ enforce: 'restricted' });
    expect(recordIn(member)).toBe(recordOf({ enforce: 'restricted' }, { enforce: 'restricted' }));
    const free = changed(before, formerSecurity(before));
    expect(suffixesOf(free)).toEqual({ enforce: 'restricted' });
    expect(recordIn(free)).toBeUndefined();
  },
);

test('a record is read as it was written, and the longest one is', () => {
  const version = 'v1.999999';
  const level = { level: 'privileged', version } as const;
  const policy = { enforce: level, audit: level, warn: level };
  const record = { own: policy, inForce: policy, project: 'u'.repeat(64) };
  expect(readRecord(formatRecord(record))).toEqual(record);
  expect(formatRecord(record).length).toBeLessThan(512);
});

describe('a namespace that is in no project any more', () => {
  test.each<[string, Suffixes, string | undefined, Suffixes]>([
    ['never was a member', { enforce: 'privileged' }, undefined, { enforce: 'privileged' }],
    ['left', RESTRICTED, recordOf({}, RESTRICTED), RESTRICTED],
    [
      'left, and was loosened meanwhile',
      { warn: 'baseline' },
      recordOf({}, RESTRICTED),
      { ...RESTRICTED, warn: 'baseline' },
    ],
    [
      'left, and was made stricter meanwhile',
      { enforce: 'restricted' },
      recordOf({}, BASELINE),
      { enforce: 'restricted' },
    ],
    ['had more of its own than was in force', {}, recordOf({ audit: 'restricted' }, {}), { audit: 'restricted' }],
  ])('that %s', (_what, has, record, then) => {
    const before = aNamespace(has, record);
    const namespace = changed(before, formerSecurity(before));
    expect(suffixesOf(namespace)).toEqual(then);
    expect(recordIn(namespace)).toBeUndefined();
    expect(formerSecurity(namespace)).toBeUndefined();
  });
});

const LEVELS: readonly (Level | undefined)[] = [undefined, 'privileged', 'baseline', 'restricted'];
const level = fc.constantFrom(...LEVELS);
const project = fc.constantFrom('one', 'two');
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ what: fc.constant('reconcile' as const) }) },
  { weight: 3, arbitrary: fc.record({ what: fc.constant('join' as const), project }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('leave' as const) }) },
  { weight: 3, arbitrary: fc.record({ what: fc.constant('spec' as const), project, level }) },
  { weight: 3, arbitrary: fc.record({ what: fc.constant('set' as const), level }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('record' as const), text: fc.constantFrom(...GARBAGE) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('lower' as const), level }) },
);

const rank = (of: Level | undefined) => LEVELS.indexOf(of);
const stricter = (...of: (Level | undefined)[]) => of.reduce((a, b) => (rank(b) > rank(a) ? b : a), undefined);

/**
 * Membership, specs and labels change at random, with an operator that looks now and then. The model knows what nobody
 * may take from the namespace: what it had, what was in force when it left or moved, and what people made stricter; only
 * one who lowers the labels outside of any project, which policy leaves to those with the right, takes from that.
 */
test('never is the level that is enforced weaker but by one who may lower it', () => {
  fc.assert(
    fc.property(level, fc.array(step, { maxLength: 40 }), (initial, steps) => {
      let namespace = aNamespace(initial ? { enforce: initial } : {});
      const specs: Record<string, Level | undefined> = {};
      let member: string | undefined;
      let floor = initial;
      const enforced = () => policyOfLabels(namespace.metadata?.labels).enforce?.level;
      const inForce = () => readRecord(recordIn(namespace))?.inForce.enforce?.level;
      // what the operator put in force stays once it sees that the namespace left; one that is back by then never did
      const hasLeft = () => readRecord(recordIn(namespace))?.project !== member;
      const kept = () => (hasLeft() ? stricter(floor, inForce()) : floor);
      const spec = (name: string | undefined) => (name === undefined ? undefined : specs[name]);
      const reconcile = () => {
        const podSecurity = spec(member) ? { enforce: spec(member) } : {};
        const change =
          member === undefined
            ? formerSecurity(namespace)
            : memberSecurity(namespace, { uid: member, spec: { podSecurity } as ProjectSpec });
        namespace = changed(namespace, change);
      };
      const relabel = (value: Level | undefined) => {
        namespace = changed(namespace, { labels: { [`${PREFIX}enforce`]: value ?? null }, annotation: undefined });
      };
      for (const next of steps) {
        if (next.what === 'reconcile') {
          // a level that was made stricter counts once it is seen
          floor = kept();
          if (rank(enforced()) > rank(inForce())) floor = stricter(floor, enforced());
          reconcile();
        }
        if (next.what === 'spec') specs[next.project] = next.level;
        if (next.what === 'join' || next.what === 'leave') {
          member = next.what === 'join' ? next.project : undefined;
        }
        if (next.what === 'set' && rank(next.level) >= rank(enforced())) {
          relabel(next.level);
          if (member === undefined && readRecord(recordIn(namespace)) === undefined)
            floor = stricter(floor, next.level);
        } else if (next.what === 'set' && readRecord(recordIn(namespace))) relabel(next.level); // drift
        if (next.what === 'record' && rank(enforced()) >= rank(kept()) && recordIn(namespace) !== undefined)
          namespace = changed(namespace, { labels: {}, annotation: next.text });
        if (next.what === 'lower' && member === undefined && recordIn(namespace) === undefined) {
          relabel(next.level);
          floor = next.level;
        }
        const settled = namespace;
        const wanted = stricter(kept(), spec(member));
        reconcile();
        expect(rank(enforced())).toBeGreaterThanOrEqual(rank(wanted));
        expect(isLevel(enforced()) || enforced() === undefined).toBe(true);
        const again = namespace;
        reconcile();
        expect(namespace).toEqual(again);
        namespace = settled; // the operator has not looked yet
      }
    }),
    { numRuns: 2000 },
  );
});

test('of a version, too: equal levels of a Project that names none keep the stricter one', () => {
  const before = aNamespace({ enforce: 'baseline', 'enforce-version': 'v1.34' }, undefined);
  const change = memberSecurity(before, aProject({ enforce: 'baseline' }));
  const enforce = policyOfLabels(changed(before, change).metadata?.labels).enforce;
  expect(compareLevels(enforce, { level: 'baseline', version: 'v1.34' })).toBe(0);
});
