import { types } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from '@jest/globals';
import {
  ANNOTATION_LEAVE_OUT,
  ANNOTATION_NAMESPACES,
  ANNOTATION_QUOTA,
  isClusterName,
  isProjectName,
  isReservedNamespace,
  ownerLabel,
  parseClusterNamespace,
  parseProjectNamespace,
} from '#api';
import { parseSelector, Quantity, QuantityError, SelectorError } from '#runtime';
import { certificatesOf } from '../../operators/agent/certificates.ts';
import { quantitiesOf, readAmounts } from '../../operators/cluster/inventory/amounts.ts';
import { distributionOfVersion, isSupported } from '../../operators/cluster/version.ts';
import { DurationError, parseDuration } from '../../operators/engagement/duration.ts';
import { parseHandBack } from '../../operators/engagement/hand-back.ts';
import { reportOf } from '../../operators/engagement/heartbeat.ts';
import { KubeconfigError, parseKubeconfig, readKubeconfigSecret } from '../../operators/engagement/kubeconfig.ts';
import { claimsOf } from '../../operators/engagement/token.ts';
import { templateOf } from '../../operators/project/desired.ts';
import { LeaveOutError, parseLeaveOut } from '../../operators/project/left-out.ts';
import { OverrideError, parseOverride } from '../../operators/project/quota-override.ts';
import { revisionOf } from '../../operators/project/quota-round.ts';
import { amountsOf, wantedBy } from '../../operators/project/quota-share.ts';
import { enforcedOf, excessOf, uncountedOf, usedOf } from '../../operators/project/quota-used.ts';
import { keptOf } from '../../operators/project/source.ts';
import { WORST_INPUTS } from './worst-inputs.ts';

/** The worst inputs of every parser of ours: a tenant or a cluster that writes one costs no other anything. */

interface Parser {
  readonly name: string;
  readonly parse: (text: string) => unknown;
  /** What it may throw, and nothing else; a parser without one never throws. */
  readonly throws?: new (
    ...args: never[]
  ) => Error;
}

const owner = { project: 'payments', projectUid: 'uid', cluster: 'edge-1', hub: 'hub' };
const share = amountsOf({ pods: '10' });
const labels = { 'kubernetes.io/metadata.name': 'payments-1', tier: 'gold' };
const base64 = (text: string) => Buffer.from(text).toString('base64');
const shared = (annotations: Record<string, string>) => ({
  metadata: { name: 'a', namespace: 'p-edge-1--payments', annotations },
  data: { a: 'b' },
});

/** A new parser is a new line here. */
const PARSERS: readonly Parser[] = [
  { name: 'a selector', parse: text => parseSelector(text).matches(labels), throws: SelectorError },
  { name: 'a quantity', parse: text => `${Quantity.parse(text).plus(Quantity.parse('1n'))}`, throws: QuantityError },
  { name: 'the annotation of a quota', parse: text => parseOverride(text), throws: OverrideError },
  { name: 'the share that a namespace wants', parse: text => wantedBy({ [ANNOTATION_QUOTA]: text }, share) },
  {
    name: 'the revision of a quota',
    parse: text => revisionOf({ metadata: { annotations: { 'paddock.dev/quota-revision': text } } }),
  },
  {
    name: 'what is used of a quota',
    parse: text =>
      [text]
        .map(used => ({ hard: { [text]: '1' }, enforced: { [text]: used }, used: { [text]: used } }))
        .map(each => [usedOf(each), enforcedOf(each), excessOf(each), uncountedOf([each], [text])]),
  },
  { name: 'the annotation of keys left out', parse: text => parseLeaveOut(text), throws: LeaveOutError },
  {
    name: 'a shared object by its annotations',
    parse: text =>
      [ANNOTATION_NAMESPACES, ANNOTATION_LEAVE_OUT].map(key =>
        templateOf('Secret', keptOf('Secret')(shared({ [key]: text })), owner),
      ),
  },
  { name: 'a duration', parse: text => parseDuration(text), throws: DurationError },
  { name: 'a kubeconfig', parse: text => parseKubeconfig(text, 'Secret c-edge-1/edge-1'), throws: KubeconfigError },
  {
    name: 'the Secret of a kubeconfig',
    parse: text => readKubeconfigSecret({ data: { value: base64(text) } }, { namespace: 'c-edge-1', name: 'edge-1' }),
    throws: KubeconfigError,
  },
  {
    name: 'a heartbeat',
    parse: text =>
      reportOf({
        metadata: {
          annotations: Object.fromEntries(
            ['agent-version', 'agent-replicas', 'api-unhealthy', 'problem', 'settling', 'hand-back'].map(key => [
              `paddock.dev/${key}`,
              text,
            ]),
          ),
        },
      }),
  },
  { name: 'a report of handing back', parse: text => parseHandBack(text) },
  { name: 'the claims of a token', parse: text => claimsOf(text), throws: Error },
  { name: 'a bundle of certificates', parse: text => certificatesOf(text), throws: Error },
  {
    name: 'amounts of a node',
    parse: text => quantitiesOf(readAmounts({ cpu: text, memory: text, pods: text }).amounts),
  },
  { name: 'a version', parse: text => [isSupported(text), distributionOfVersion(text)] },
  {
    name: 'names',
    parse: text =>
      [isClusterName, isProjectName, isReservedNamespace, parseClusterNamespace, parseProjectNamespace].map(each =>
        each(text),
      ),
  },
  { name: 'the label of an owner', parse: text => ownerLabel('project', text) },
];

const LONGEST_MS = 50;
const LONGEST_MESSAGE = 1_000;

/** What a call does, and the processor time of this thread that it takes at best of three, ms: others' load is not in it. */
function timed({ parse }: Parser, text: string): { error: unknown; ms: number } {
  let error: unknown;
  let best = Number.POSITIVE_INFINITY;
  for (let turn = 0; turn < 3 && (turn === 0 || best > LONGEST_MS); turn++) {
    const before = process.threadCpuUsage();
    try {
      parse(text);
    } catch (thrown) {
      error = thrown;
    }
    const { user, system } = process.threadCpuUsage(before);
    best = Math.min(best, (user + system) / 1_000);
  }
  return { error, ms: best };
}

test('the inputs are many', () => {
  expect(Object.keys(WORST_INPUTS).length).toBeGreaterThanOrEqual(60);
});

describe.each(PARSERS.map(parser => [parser.name, parser] as const))('%s', (_, parser) => {
  test.each(Object.entries(WORST_INPUTS))('of %s takes no time', (__, text) => {
    const { error, ms } = timed(parser, text);
    if (error !== undefined) {
      // an error of Node.js itself is of another realm than the tests
      if (parser.throws === Error) expect(types.isNativeError(error)).toBe(true);
      else expect(error).toBeInstanceOf(parser.throws ?? Function);
      if (parser.throws !== Error) expect((error as Error).message.length).toBeLessThan(LONGEST_MESSAGE);
    }
    expect(ms).toBeLessThan(LONGEST_MS);
  });
});

describe('memory stays flat', () => {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const heap = () => {
    collect();
    return process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers;
  };
  const MIB = 2 ** 20;

  test('however often all of them are parsed', () => {
    const all = () => {
      for (const parser of PARSERS) for (const text of Object.values(WORST_INPUTS)) timed(parser, text);
    };
    all();
    // what is kept of inputs grows by each turn; what the engine itself makes of them once, by one or two
    const growths = Array.from({ length: 4 }, () => {
      const before = heap();
      for (let round = 0; round < 3; round++) all();
      return (heap() - before) / MIB;
    });
    expect(Math.min(...growths)).toBeLessThan(4);
  });

  /** Each is parsed from a text of its own, as objects that a watch delivers are. */
  const keep = (count: number, source: (index: number) => object) => {
    const before = heap();
    const kept = Array.from({ length: count }, (_, index) => {
      const stored = keptOf('ConfigMap')(JSON.parse(JSON.stringify(source(index))));
      return [stored, templateOf('ConfigMap', stored, owner)];
    });
    const growth = (heap() - before) / MIB;
    expect(kept).toHaveLength(count);
    return growth;
  };

  test.each<[string, (index: number) => object]>([
    ['selectors of 160 KB', () => shared({ [ANNOTATION_NAMESPACES]: '!a,'.repeat(53_000) })],
    ['prefixes of 160 KB', () => shared({ [ANNOTATION_LEAVE_OUT]: 'a,'.repeat(80_000) })],
    [
      'selectors that do not parse',
      () => ({ ...shared({ [ANNOTATION_NAMESPACES]: '!' }), data: { a: 'x'.repeat(160_000) } }),
    ],
    [
      'finalizers',
      () => ({ metadata: { ...shared({}).metadata, finalizers: Array(2_000).fill('example.com/finalizer') } }),
    ],
  ])('where 300 shared objects have %s', (_, source) => {
    expect(keep(300, source)).toBeLessThan(8);
  });

  test('where 300 shared objects have the largest selectors, in proportion to their text', () => {
    const requirements = (index: number) =>
      Array.from({ length: 64 }, (_, each) => `!a${index}x${each}.${'b'.repeat(52)}`);
    expect(
      keep(300, index => shared({ [ANNOTATION_NAMESPACES]: requirements(index).join().slice(0, 4_090) })),
    ).toBeLessThan(24);
  });
});
