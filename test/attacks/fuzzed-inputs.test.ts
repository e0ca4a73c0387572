import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { parseSelector, printable, Quantity, QuantityError, SelectorError, selectorText } from '#runtime';
import { DurationError, parseDuration } from '../../operators/engagement/duration.ts';
import { formatHandBack, parseHandBack } from '../../operators/engagement/hand-back.ts';
import { reportAnnotations, reportOf } from '../../operators/engagement/heartbeat.ts';
import { KubeconfigError, parseKubeconfig } from '../../operators/engagement/kubeconfig.ts';
import { LeaveOutError, parseLeaveOut } from '../../operators/project/left-out.ts';
import { OverrideError, parseOverride } from '../../operators/project/quota-override.ts';
import { textOf } from '../../operators/project/quota-share.ts';

/** Always the same inputs: a failure is repeated by running the test again. */
const RUNS = { seed: 20_261_130, numRuns: 400 };

type Errors = new (...args: never[]) => Error;

/** Texts near to what a parser takes: its own characters and words in any order, with noise among them. */
const near = (...words: string[]) =>
  fc
    .array(fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...words) }, fc.string({ maxLength: 5, unit: 'binary' })), {
      maxLength: 40,
    })
    .map(parts => parts.join(''));

describe.each<[string, (text: string) => unknown, Errors, fc.Arbitrary<string>]>([
  [
    'a selector',
    text => parseSelector(text).matches({ a: 'b' }),
    SelectorError,
    near('a', '!', '=', '==', '!=', ' in ', ' notin ', '(', ')', ',', ' ', '<', '>', '/', '.', '1'),
  ],
  [
    'a quantity',
    text => `${Quantity.parse(text)}`,
    QuantityError,
    near('1', '0', '9', '.', '-', '+', 'e', 'E', 'Ki', 'm', 'n'),
  ],
  [
    'the annotation of a quota',
    text => parseOverride(text),
    OverrideError,
    near('{', '}', '"pods"', ':', ',', '"1"', '1', '[', ']', '\\', '"', 'null', '-'),
  ],
  [
    'the annotation of keys left out',
    text => parseLeaveOut(text),
    LeaveOutError,
    near('a', '/', ',', '.', '-', ' ', '*'),
  ],
  ['a duration', text => parseDuration(text), DurationError, near('1', '0', '.', 'h', 'm', 's', 'ms', 'µs', '-')],
  [
    'a kubeconfig',
    text => parseKubeconfig(text, 'Secret a/b'),
    KubeconfigError,
    near(
      'contexts:\n',
      'clusters:\n',
      'users:\n',
      'current-context: a\n',
      '- name: a\n',
      '  context:\n',
      '  cluster: a\n',
      '  user: a\n',
      '&a ',
      '*a ',
      '<<: ',
      '{',
      '}',
      '[',
      '!!',
      '\n',
      '  ',
    ),
  ],
])('of any text %s', (_, parse, errors, arbitrary) => {
  test('is read, or refused by an error of its own', () => {
    void fc.assert(
      fc.property(fc.oneof(arbitrary, fc.string({ maxLength: 200, unit: 'binary' })), text => {
        try {
          parse(text);
        } catch (error) {
          expect(error).toBeInstanceOf(errors);
        }
      }),
      RUNS,
    );
  });
});

const key = fc.stringMatching(/^[a-z]([-a-z0-9]{0,8}[a-z0-9])?$/);
const value = fc.stringMatching(/^([a-zA-Z0-9]([-A-Za-z0-9_.]{0,8}[a-zA-Z0-9])?)?$/);
const record = <T>(of: fc.Arbitrary<T>, maxKeys: number) => fc.dictionary(key, of, { maxKeys });

describe('what is written is read as it was meant', () => {
  test('selectors', () => {
    const expression = fc.record({
      key,
      operator: fc.constantFrom('In', 'NotIn', 'Exists', 'DoesNotExist'),
      values: fc.array(value, { minLength: 1, maxLength: 5 }),
    });
    const selector = fc.record({
      matchLabels: record(value, 4),
      matchExpressions: fc.array(expression, { maxLength: 4 }),
    });
    void fc.assert(
      fc.property(selector, record(value, 6), ({ matchLabels, matchExpressions }, others) => {
        const labels: Record<string, string> = { ...others, ...matchLabels };
        const holds = ({ key: name, operator, values }: (typeof matchExpressions)[number]) => {
          const isThere = Object.hasOwn(labels, name);
          if (operator === 'Exists') return isThere;
          if (operator === 'DoesNotExist') return !isThere;
          return (operator === 'In') === (isThere && values.includes(labels[name] ?? ''));
        };
        expect(parseSelector(selectorText({ matchLabels, matchExpressions })).matches(labels)).toBe(
          matchExpressions.every(holds),
        );
      }),
      RUNS,
    );
  });

  test('quantities, and those of an override', () => {
    const suffix = fc.constantFrom(
      '',
      'n',
      'u',
      'm',
      'k',
      'M',
      'G',
      'T',
      'P',
      'E',
      'Ki',
      'Mi',
      'Gi',
      'Ti',
      'Pi',
      'Ei',
      'e2',
      'e-3',
      'e999',
    );
    const text = fc
      .tuple(fc.bigInt(0n, 10n ** 30n), fc.nat(999_999), suffix)
      .map(([whole, part, unit]) => `${whole}.${part}${unit}`);
    void fc.assert(
      fc.property(record(text, 6), written => {
        const amounts = parseOverride(JSON.stringify(written));
        const again = parseOverride(JSON.stringify(textOf(amounts)));
        expect(textOf(again)).toEqual(textOf(amounts));
        for (const amount of amounts.values()) expect(`${amount}`.length).toBeLessThanOrEqual(32);
      }),
      RUNS,
    );
  });

  test('prefixes', () => {
    const prefixes = fc.uniqueArray(
      fc.tuple(key, fc.constantFrom('', '/', '.example.com/')).map(parts => parts.join('')),
      { minLength: 1, maxLength: 32 },
    );
    void fc.assert(
      fc.property(prefixes, all => {
        expect(parseLeaveOut(all.join(', '))).toEqual(all);
      }),
      RUNS,
    );
  });

  test('durations', () => {
    void fc.assert(
      fc.property(fc.nat(99_999), fc.nat(59), fc.nat(59), fc.nat(999), (h, m, s, ms) => {
        expect(parseDuration(`${h}h${m}m${s}s${ms}ms`)).toBe(((h * 60 + m) * 60 + s) * 1_000 + ms);
      }),
      RUNS,
    );
  });

  test('kubeconfigs', () => {
    const token = fc.stringMatching(/^[-A-Za-z0-9_.]{1,60}$/);
    void fc.assert(
      fc.property(key, token, (name, secret) => {
        const text = JSON.stringify({
          'current-context': name,
          contexts: [{ name, context: { cluster: name, user: name } }],
          clusters: [{ name, cluster: { server: `https://${name}.example.com` } }],
          users: [{ name, user: { token: secret } }],
        });
        const { server, hash } = parseKubeconfig(text, 'Secret a/b');
        expect(server).toBe(`https://${name}.example.com`);
        expect(parseKubeconfig(text, 'Secret a/c').hash).toBe(hash);
      }),
      RUNS,
    );
  });

  test('what an agent reports', () => {
    const problem = fc.record({
      reason: fc.constantFrom('ClaimFailed' as const, 'Engaging' as const),
      message: fc.string({ maxLength: 900 }).map(text => printable(text)),
      terminal: fc.boolean(),
    });
    const handBack = fc.record({
      cluster: key,
      stage: fc.constantFrom('begun' as const, 'clean' as const),
      problem: fc.string({ maxLength: 400, unit: 'binary' }).map(text => printable(text)),
    });
    void fc.assert(
      fc.property(problem, handBack, fc.nat(999), (said, back, replicas) => {
        const annotations = reportAnnotations({ replicas, problem: said, handBack: back });
        const written = Object.fromEntries(
          Object.entries(annotations).flatMap(([name, text]) => (text === null ? [] : [[name, text]])),
        );
        expect(reportOf({ metadata: { annotations: written } })).toEqual({ replicas, problem: said, handBack: back });
        expect(parseHandBack(formatHandBack(back))).toEqual(back);
      }),
      RUNS,
    );
  });

  test('or what another has written as an agent is left out', () => {
    void fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string({ unit: 'binary' })), text => {
        const annotations = Object.fromEntries(
          ['agent-version', 'agent-replicas', 'problem', 'hand-back'].map(name => [`paddock.dev/${name}`, text]),
        );
        const { problem, handBack } = reportOf({ metadata: { annotations } });
        expect([problem, handBack]).toEqual([undefined, undefined]);
      }),
      RUNS,
    );
  });
});
