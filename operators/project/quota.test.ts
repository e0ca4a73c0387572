import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Quantity } from '#runtime';
import { type Amounts, type Books, type Claim, type Dealt, deal, type Held, type Ledger, sumOf } from './quota.ts';

const amounts = (pods: string | number, more: Readonly<Record<string, string>> = {}): Amounts =>
  new Map(Object.entries({ pods: `${pods}`, ...more }).map(([key, value]) => [key, Quantity.parse(value)]));
const claim = (namespace: string, wanted: Amounts | undefined, since = '2026-01-01T00:00:00Z'): Claim => ({
  namespace,
  since,
  wanted,
});
const held = (hard: Amounts, revision?: number): Held => ({ hard, revision });
const ledgerOf = (entries: Readonly<Record<string, Amounts>>): Ledger => new Map(Object.entries(entries));
const books = (given: Partial<Books> = {}): Books => ({ ledger: new Map(), revision: 1, held: new Map(), ...given });

/** Of each namespace what it gets, as text. */
function shares({ shares }: Dealt, key = 'pods'): Record<string, string> {
  return Object.fromEntries([...shares].map(([namespace, { hard }]) => [namespace, `${hard.get(key)}`]));
}
function promised({ ledger }: Dealt, key = 'pods'): Record<string, string> {
  return Object.fromEntries([...ledger].map(([namespace, entry]) => [namespace, `${entry.get(key)}`]));
}

describe('shares', () => {
  test('go to the oldest first, then by name, whole or not at all', () => {
    const dealt = deal(
      amounts(10),
      [
        claim('young', amounts(4), '2026-03-01T00:00:00Z'),
        claim('b', amounts(4)),
        claim('a', amounts(4)),
        claim('small', amounts(2), '2026-04-01T00:00:00Z'),
      ],
      books(),
    );

    expect(shares(dealt)).toEqual({ a: '4', b: '4', young: '0', small: '2' });
    expect(dealt.lacking.map(({ namespace, key, free }) => `${namespace} ${key} ${free}`)).toEqual(['young pods 2']);
  });

  test('are dealt key by key', () => {
    const wanted = amounts(5, { memory: '2000Mi' });
    const dealt = deal(amounts(20, { memory: '3000Mi' }), [claim('a', wanted), claim('b', wanted)], books());

    expect(shares(dealt)).toEqual({ a: '5', b: '5' });
    expect(shares(dealt, 'memory')).toEqual({ a: '2000Mi', b: '0' });
    expect(dealt.lacking).toHaveLength(1);
  });

  test('a raised default reaches all until nothing is left, and names those left out', () => {
    const four = ['a', 'b', 'c', 'd'];
    const before = ledgerOf(Object.fromEntries(four.map(name => [name, amounts(2)])));
    const claims = four.map(name => claim(name, amounts(4)));
    const dealt = deal(amounts(13), claims, books({ ledger: before }));

    expect(shares(dealt)).toEqual({ a: '4', b: '4', c: '2', d: '2' });
    expect(dealt.lacking.map(({ namespace }) => namespace)).toEqual(['c', 'd']);
  });

  test('of one whose override can not be read stay as they are', () => {
    const before = ledgerOf({ a: amounts(7) });
    const dealt = deal(amounts(10), [claim('a', undefined), claim('b', amounts(3))], books({ ledger: before }));

    expect(shares(dealt)).toEqual({ a: '7', b: '3' });
    expect(dealt.lacking).toEqual([]);
  });

  test('of keys that the quota has no more are forgotten', () => {
    const before = ledgerOf({ a: amounts(7, { memory: '1Gi' }) });
    const dealt = deal(amounts(10), [claim('a', amounts(7))], books({ ledger: before }));

    expect([...(dealt.shares.get('a')?.hard.keys() ?? [])]).toEqual(['pods']);
    expect([...(dealt.ledger.get('a')?.keys() ?? [])]).toEqual(['pods']);
  });
});

describe('what was promised', () => {
  const before = ledgerOf({ a: amounts(8), b: amounts(2) });
  const less = [claim('a', amounts(3)), claim('b', amounts(7))];

  test('is not given to another before its ResourceQuota was written at less under this ledger', () => {
    for (const earlier of [undefined, held(amounts(8), 1), held(amounts(3), 0)]) {
      const known = earlier === undefined ? new Map() : new Map([['a', earlier]]);
      const dealt = deal(amounts(10), less, books({ ledger: before, held: known }));
      expect(promised(dealt)).toEqual({ a: '8', b: '2' });
      expect(shares(dealt)).toEqual({ a: '3', b: '2' });
      expect(dealt.shares.get('a')?.again).toBe(true);
    }
  });

  test('is taken back then, and given on at once', () => {
    const dealt = deal(amounts(10), less, books({ ledger: before, held: new Map([['a', held(amounts(3), 1)]]) }));

    expect(promised(dealt)).toEqual({ a: '3', b: '7' });
    expect(dealt.lacking).toEqual([]);
    expect(dealt.shares.get('a')?.again).toBe(false);
  });

  test('to one that left is kept until its ResourceQuota is gone, and for as long as one may be on its way', () => {
    const claims = [claim('b', amounts(7))];
    const still = deal(amounts(10), claims, books({ ledger: before, held: new Map([['a', held(amounts(8), 1)]]) }));
    expect(promised(still)).toEqual({ a: '8', b: '2' });
    const lately = deal(amounts(10), claims, books({ ledger: before, departing: new Set(['a']) }));
    expect(promised(lately)).toEqual({ a: '8', b: '2' });
    const gone = deal(amounts(10), claims, books({ ledger: before }));
    expect(promised(gone)).toEqual({ b: '7' });
  });

  test('is not taken back before Kubernetes holds the namespace to less, and then only as far as it is not used', () => {
    const given = (figures: Omit<Held, 'hard' | 'revision'>) =>
      deal(
        amounts(10),
        less,
        books({ ledger: before, held: new Map([['a', { ...held(amounts(3), 1), ...figures }]]) }),
      );

    expect(promised(given({ enforced: amounts(8), used: amounts(0) }))).toEqual({ a: '8', b: '2' });
    expect(promised(given({ enforced: amounts(3), used: amounts(3) }))).toEqual({ a: '3', b: '7' });
    const inUse = given({ enforced: amounts(3), used: amounts(6) });
    expect(promised(inUse)).toEqual({ a: '6', b: '2' });
    expect(shares(inUse)).toEqual({ a: '3', b: '2' });
    expect(inUse.shares.get('a')?.again).toBe(false);
    // more than was promised was not given by this project
    expect(promised(given({ enforced: amounts(3), used: amounts(20) }))).toEqual({ a: '8', b: '2' });
  });

  test('is kept as far as one that left uses more than it has elsewhere', () => {
    const taken = (pods: number) =>
      deal(amounts(10), [claim('b', amounts(7))], books({ ledger: before, taken: new Map([['a', amounts(pods)]]) }));
    expect(promised(taken(5))).toEqual({ a: '5', b: '2' });
    expect(promised(taken(3))).toEqual({ a: '3', b: '7' });
    expect(promised(taken(20))).toEqual({ a: '8', b: '2' });
  });

  test('is what is held, where the ledger was lost; what was written into a ResourceQuota by others is not', () => {
    const found = new Map([
      ['a', held(amounts(6), 9)],
      ['b', held(amounts(500), 9)],
    ]);
    const claims = [claim('a', amounts(6)), claim('b', amounts(2)), claim('c', amounts(2))];
    const { ledger: _lost, ...rest } = books({ held: found });
    expect(promised(deal(amounts(10), claims, { ...rest, ledger: undefined }))).toEqual({ a: '6', b: '2', c: '2' });
    // with a ledger nobody has more than it says
    const dealt = deal(amounts(10), claims, books({ ledger: ledgerOf({ b: amounts(2) }), held: found }));
    expect(promised(dealt)).toEqual({ a: '6', b: '2', c: '2' });
  });
});

test('a ledger that is full gives the others nothing and names them', () => {
  const names = Array.from({ length: 1_002 }, (_, index) => `ns-${String(index).padStart(4, '0')}`);
  const claims = names.map(name => claim(name, amounts(1)));
  const before = ledgerOf({ 'ns-1001': amounts(1) });
  const dealt = deal(amounts(5_000), claims, books({ ledger: before }));

  expect(dealt.ledger.size).toBe(1_000);
  expect(dealt.crowdedOut).toEqual(['ns-0999', 'ns-1000']);
  expect(shares(dealt)['ns-1000']).toBe('0');
  expect(shares(dealt)['ns-1001']).toBe('1');
});

/** A Project's status and its ResourceQuotas as servers keep them, with what they refuse. */
class Server {
  hard: Amounts = amounts(10);
  readonly wanted = new Map<string, number>();
  ledger: Ledger | undefined;
  revision = 0;
  readonly quotas = new Map<string, Held & { readonly version: number }>();
  #version = 0;

  /** Refused where it would be less than what was promised, by the same rule of the CRD as a ledger beyond it. */
  setHard(pods: number): void {
    const sum = sumOf((this.ledger ?? new Map<string, Amounts>()).values(), ['pods']).get('pods');
    if ((sum?.compare(Quantity.parse(`${pods}`)) ?? 0) <= 0) this.hard = amounts(pods);
  }

  swap(revision: number, ledger: Ledger): boolean {
    if (revision !== this.revision) return false;
    const sum = sumOf(ledger.values(), ['pods']).get('pods') ?? Quantity.ZERO;
    if (sum.compare(this.hard.get('pods') ?? Quantity.ZERO) > 0) return false;
    this.ledger = ledger;
    this.revision += 1;
    return true;
  }

  write(namespace: string, version: number | undefined, quota: Held): void {
    if (this.quotas.get(namespace)?.version !== version) return;
    this.#version += 1;
    this.quotas.set(namespace, { ...quota, version: this.#version });
  }

  remove(namespace: string, version: number): void {
    if (this.quotas.get(namespace)?.version === version) this.quotas.delete(namespace);
  }

  /** What the members' ResourceQuotas allow together. */
  get handedOut(): Quantity {
    const members = [...this.quotas].filter(([namespace]) => this.wanted.has(namespace));
    const all = members.map(([, { hard }]) => hard);
    return sumOf(all, ['pods']).get('pods') ?? Quantity.ZERO;
  }
}

/** One round of an operator, a step for each request. It works with what it read at first. */
function* round(server: Server): Generator<undefined, Dealt | undefined> {
  const { hard, ledger, revision } = server;
  const quotas = new Map(server.quotas);
  const claims = [...server.wanted].map(([namespace, pods]) => claim(namespace, amounts(pods)));
  yield;
  const dealt = deal(hard, claims, { ledger, revision, held: quotas });
  const differs = ledger === undefined || !isSame(ledger, dealt.ledger);
  // where nothing changes it is asked whether that is still so
  if (differs ? !server.swap(revision, dealt.ledger) : server.revision !== revision) return undefined;
  const now = differs ? revision + 1 : revision;
  for (const [namespace, { version }] of quotas) {
    if (dealt.shares.has(namespace)) continue;
    yield;
    server.remove(namespace, version);
  }
  for (const [namespace, share] of dealt.shares) {
    const quota = quotas.get(namespace);
    const isRight = quota?.hard.get('pods')?.compare(share.hard.get('pods') ?? Quantity.ZERO) === 0;
    if (isRight && !(share.again && quota?.revision !== now)) continue;
    yield;
    server.write(namespace, quota?.version, { hard: share.hard, revision: now });
  }
  return dealt;
}

function isSame(one: Ledger, other: Ledger): boolean {
  const text = (ledger: Ledger) =>
    [...ledger]
      .map(([namespace, entry]) => `${namespace}=${entry.get('pods')}`)
      .sort()
      .join();
  return text(one) === text(other);
}

const pods = fc.constantFrom(0, 3, 5, 8, 10);
const member = fc.integer({ min: 0, max: 2 });
const change = fc.oneof(
  { weight: 8, arbitrary: fc.record({ what: fc.constant('step' as const), operator: fc.integer({ min: 0, max: 1 }) }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('want' as const), member, pods }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('leave' as const), member }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('hard' as const), pods: fc.integer({ min: 0, max: 30 }) }) },
);

test('operators that race never hand out more than there is, and come to an end that serves whom it can', () => {
  fc.assert(
    fc.property(fc.array(change, { minLength: 20, maxLength: 100, size: 'max' }), changes => {
      const server = new Server();
      const operators: Generator<undefined, Dealt | undefined>[] = [];
      const lives = new Map<number, number>(); // who left does not come back under its name
      const nameOf = (index: number) => `ns-${index}-${lives.get(index) ?? 0}`;
      for (const each of changes) {
        if (each.what === 'step') {
          operators[each.operator] ??= round(server);
          if (operators[each.operator]?.next().done) delete operators[each.operator];
        } else if (each.what === 'want') server.wanted.set(nameOf(each.member), each.pods);
        else if (each.what === 'hard') server.setHard(each.pods);
        else if (each.what === 'leave') {
          server.wanted.delete(nameOf(each.member));
          lives.set(each.member, (lives.get(each.member) ?? 0) + 1);
        }
        expect(server.handedOut.compare(server.hard.get('pods') ?? Quantity.ZERO)).toBeLessThanOrEqual(0);
      }
      let dealt: Dealt | undefined;
      for (let rounds = 0; rounds < 8; rounds += 1) {
        const last = round(server);
        for (let step = last.next(); ; step = last.next())
          if (step.done) {
            dealt = step.value;
            break;
          }
      }
      const lacking = new Set(dealt?.lacking.map(({ namespace }) => namespace));
      for (const [namespace, wanted] of server.wanted)
        if (!lacking.has(namespace)) expect(`${server.quotas.get(namespace)?.hard.get('pods')}`).toBe(`${wanted}`);
      const sum = sumOf((server.ledger ?? new Map<string, Amounts>()).values(), ['pods']).get('pods');
      expect(`${sum}`).toBe(`${server.handedOut}`);
      for (const { wanted, has } of dealt?.lacking ?? [])
        expect((sum ?? Quantity.ZERO).plus(wanted.minus(has)).compare(server.hard.get('pods') ?? Quantity.ZERO)).toBe(
          1,
        );
    }),
    { seed: 11, numRuns: 2_000 },
  );
});
