import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Project } from '#api';
import { Cache, Client, errorMessage, type KubeObject, mergeConditions, Namespaces, Transport } from '#runtime';
import { orderOfJoining } from '../../operators/membership/namespace-limit.ts';
import { foreignRulesMessage } from '../../operators/rbac/foreign-rules.ts';
import { plainCredentials, within } from '../conformance/world.ts';
import { eventually } from '../support/eventually.ts';
import * as wrong from '../support/wrong-answers.ts';
import { WrongServer } from '../support/wrong-server.ts';

/** An API server whose lists and watches are made to cost who reads them. */

let server: WrongServer;
let transport: Transport;
let stop: AbortController;

beforeEach(async () => {
  server = await WrongServer.start();
  transport = new Transport({ credentials: plainCredentials(server.url) });
  stop = new AbortController();
});
afterEach(async () => {
  stop.abort(new Error('the test is over'));
  await transport.close();
  await server.stop();
});

/** Namespaces as they are watched where no test makes it quicker. */
function watched(bounds: { readonly keptBytes?: number } = {}, mostObjects = 1_000) {
  const failures: unknown[] = [];
  const cache = new Cache({ cluster: 'hostile', onHealth: error => failures.push(error), ...bounds });
  const informer = cache.informer<KubeObject>(Namespaces, { mostObjects });
  cache.start(new Client(transport, { fieldManager: 'test' }), stop.signal);
  return { cache, informer, failures };
}

const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms));
const bookmark = (resourceVersion: string) => ({
  type: 'BOOKMARK',
  object: { metadata: { resourceVersion, annotations: { 'k8s.io/initial-events-end': 'true' } } },
});

describe('versions that are always expired', () => {
  const expired = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' };

  test.each([
    ['by status', wrong.refusal(410, { reason: 'Expired' })],
    ['by an event', wrong.events({ type: 'ERROR', object: expired })],
  ])('%s, are asked for at a pace', async (_what, answer) => {
    server.wrongly(/./, answer);
    watched();
    await pause(2_000);
    expect(server.wronged.length).toBeGreaterThan(0);
    // the pauses before the first five tries are 0.8, 1.6, 3.2, 6.4 and 12.8 s at most
    expect(server.wronged.length).toBeLessThan(30);
  });

  test('from a while after a list, are asked for at a pace', async () => {
    server.wrongly(/./, wrong.events(bookmark('7')));
    const { informer } = watched();
    await eventually(() => informer.synced, within('the list is read'));
    await pause(5_500);
    server.wrongly(/./, wrong.refusal(410, { reason: 'Expired' }));
    await pause(2_000);
    expect(server.wronged.length).toBeLessThan(30);
  });
});

describe('objects without number', () => {
  test('each large, that come one by one, are kept up to a bound', async () => {
    const object = (index: number) => {
      const metadata = { name: `n-${index}`, uid: `${index}`, resourceVersion: `${index + 8}` };
      return { type: 'ADDED', object: { metadata: { ...metadata, annotations: { a: 'x'.repeat(1_000_000) } } } };
    };
    const events = [bookmark('7'), ...Array.from({ length: 100 }, (_, index) => object(index))];
    server.wrongly(/./, wrong.events(...events));
    const { cache, informer, failures } = watched({ keptBytes: 32_000_000 });
    await eventually(() => failures.some(error => error !== undefined), within('the bound is reached'));
    expect(String(failures[0])).toMatch(
      /all that is to be kept of the cluster takes more than 31 MiB with these names/,
    );
    expect(informer.known).toBe(false);
    expect(informer.size).toBe(31);
    expect(cache.keptBytes).toBeLessThan(32_000_000);
  });

  test('in a list that is never complete, too, and nothing stays of it', async () => {
    const object = (index: number) => ({
      type: 'ADDED',
      object: { metadata: { name: `n-${index}`, uid: `${index}`, annotations: { a: 'x'.repeat(1_000_000) } } },
    });
    server.wrongly(/./, wrong.events(...Array.from({ length: 100 }, (_, index) => object(index))));
    const { cache, informer, failures } = watched({ keptBytes: 32_000_000 });
    await eventually(() => failures.length > 1, within('the bound is reached'));
    expect(informer.size).toBe(0);
    server.wrongly(/./, wrong.events(object(1), bookmark('7')));
    await eventually(() => informer.synced, within('the list is read'));
    expect(informer.size).toBe(1);
    expect(cache.keptBytes).toBeGreaterThan(1_000_000);
    expect(cache.keptBytes).toBeLessThan(1_100_000);
    cache.release(Namespaces);
    expect(cache.keptBytes).toBe(0);
  });

  test('each small, are kept up to a number', async () => {
    const object = (index: number) => ({ type: 'ADDED', object: { metadata: { name: `n-${index}` } } });
    server.wrongly(/./, wrong.events(...Array.from({ length: 50 }, (_, index) => object(index)), bookmark('7')));
    const { informer, failures } = watched({}, 49);
    await eventually(() => failures.length > 0, within('the bound is reached'));
    expect(String(failures[0])).toContain('there are more than 49 namespaces');
    expect(informer.size).toBe(0);
  });

  test('that are listed again and have not changed take nothing more', async () => {
    const object = (index: number) => ({
      type: 'ADDED',
      object: {
        metadata: { name: `n-${index}`, uid: 'a', resourceVersion: '5', annotations: { a: 'x'.repeat(1_000_000) } },
      },
    });
    const events = [...Array.from({ length: 20 }, (_, index) => object(index)), bookmark('7')];
    server.wrongly(/./, wrong.events(...events, { type: 'ERROR', object: { code: 410 } }));
    const { cache, informer, failures } = watched({ keptBytes: 32_000_000 });
    await eventually(() => failures.length > 2, within('it is listed a few times'));
    expect(failures.filter(error => error !== undefined && !String(error).includes('410'))).toEqual([]);
    expect(informer.size).toBe(20);
    expect(cache.keptBytes).toBeLessThan(21_000_000);
  });
});

test('namespaces of one project that come one by one cost no more than their number', () => {
  const order = orderOfJoining([], { metadata: { uid: 'u' }, spec: { namespaceLimit: 100 } } as Project);
  const startedAt = performance.now();
  for (let index = 0; index < 30_000; index += 1)
    order.set({
      metadata: { name: `n-${(index * 7_919) % 30_000}`, creationTimestamp: '2026-01-01T00:00:00Z' } as never,
    });
  // it was counted anew for each of them: 10,000 took minutes
  expect(performance.now() - startedAt).toBeLessThan(3_000);
  expect(order.beyond.size).toBe(29_900);
});

describe('names and ids that no API server gives', () => {
  test.each([
    ['a namespace in hostile letters', { name: 'a\u001b[31m/../b' }, 'its name is that of no namespace: a/../b'],
    ['a namespace of a megabyte', { name: 'a'.repeat(1_000_000) }, 'its name has 1000000 characters'],
    ['a uid of a megabyte', { name: 'a', uid: 'u'.repeat(1_000_000) }, 'its uid has 1000000 characters'],
  ])('%s is no answer', async (_what, metadata, problem) => {
    server.wrongly(/./, wrong.events({ type: 'ADDED', object: { metadata } }, bookmark('7')));
    const { informer, failures } = watched();
    await eventually(() => failures.length > 0, within('the answer is refused'));
    expect(errorMessage(failures[0])).toContain(problem);
    expect(errorMessage(failures[0]).length).toBeLessThan(1_000);
    expect(informer.size).toBe(0);
  });
});

test('a name of a megabyte, which RBAC allows, is in no message whole', () => {
  const names = Array.from({ length: 30 }, (_, index) => `${index}\u001b[31m${'x'.repeat(1_000_000)}`);
  const message = foreignRulesMessage('edge-1', 'auditor', names) ?? '';
  expect(message.length).toBeLessThan(8_192);
  const [condition] = mergeConditions([], [{ type: 'Ready', status: 'False', reason: 'A', message: names.join() }], {
    now: 0,
  });
  // the API server refuses a status with more than 32,768, and then nothing of it is told
  expect(condition?.message.length).toBeLessThan(32_768);
  expect(condition?.message).toMatch(/^[ -~…]*$/);
});
