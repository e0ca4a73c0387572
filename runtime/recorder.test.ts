import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { eventually } from '../test/support/eventually.ts';
import { Events, FakeApiServer, Namespaces } from '../test/support/fake-api-server/index.ts';
import { FakeClock } from '../test/support/fake-clock.ts';
import { Client } from './client.ts';
import { silentLogger } from './log.ts';
import { type EventIntent, Recorder } from './recorder.ts';
import type { KubeObject } from './resource.ts';
import { Transport } from './transport.ts';

interface Event extends KubeObject {
  readonly note?: string;
  readonly reason?: string;
  readonly reportingInstance?: string;
  readonly series?: { readonly count: number; readonly lastObservedTime: string };
}

const attached: EventIntent = { type: 'Normal', reason: 'Attached', action: 'Attach', note: 'x is attached.' };
const namespace: KubeObject = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'x', uid: 'u1' } };

describe('Recorder', () => {
  let server: FakeApiServer;
  let transport: Transport;
  let clock: FakeClock;
  let recorder: Recorder;

  beforeEach(async () => {
    server = await FakeApiServer.start({ kinds: [Events, Namespaces] });
    transport = new Transport({ credentials: { resolve: async () => ({ server: server.url, tls: {}, headers: {} }) } });
    clock = new FakeClock(Date.UTC(2026, 0, 1, 12));
    recorder = new Recorder({
      client: new Client(transport, { fieldManager: 'test' }),
      log: silentLogger,
      controller: 'example.com/test',
      instance: 'test-1',
      clock,
    });
  });
  afterEach(async () => {
    await transport.close();
    await server.stop();
  });

  const stored = (): Event[] => server.store.list<Event>(Events);
  const record = (event: Partial<EventIntent> = {}, object = namespace) =>
    recorder.record(Namespaces, object, { ...attached, ...event });

  test('writes what events.k8s.io/v1 requires, in the namespace default for a cluster-scoped object', async () => {
    record();
    await recorder.flush();
    expect(stored()).toEqual([
      expect.objectContaining({
        metadata: expect.objectContaining({ namespace: 'default', name: expect.stringMatching(/^x\.[0-9a-f]+$/) }),
        eventTime: '2026-01-01T12:00:00.000000Z',
        reportingController: 'example.com/test',
        reportingInstance: 'test-1',
        ...attached,
        regarding: { apiVersion: 'v1', kind: 'Namespace', name: 'x', uid: 'u1' },
      }),
    ]);
  });

  test('the same event again becomes a series of the first, also while the first is on its way', async () => {
    for (let i = 0; i < 3; i++) record();
    await recorder.flush();
    clock.pass(60_000);
    record();
    await recorder.flush();
    expect(stored()).toHaveLength(1);
    expect(stored()[0]?.series).toEqual({ count: 4, lastObservedTime: '2026-01-01T12:01:00.000000Z' });
  });

  test('where events are numbered, one that finds its number taken has one of the next, and goes on under it', async () => {
    const client = new Client(transport, { fieldManager: 'test' });
    const options = { client, log: silentLogger, controller: 'example.com/test', instance: 'test-1', clock };
    const several = Array.from({ length: 2 }, () => new Recorder({ ...options, numbered: { prefix: 'e', count: 4 } }));
    for (const each of several)
      for (const note of ['one', 'two']) each.record(Namespaces, namespace, { ...attached, note });
    for (const each of several) await each.flush();
    clock.pass(60_000);
    for (const each of several) each.record(Namespaces, namespace, { ...attached, note: 'two' });
    for (const each of several) await each.flush();
    expect(
      stored()
        .map(({ metadata }) => metadata?.name)
        .sort(),
    ).toEqual(['e-0', 'e-1', 'e-2', 'e-3']);
    expect(stored().filter(({ note, series }) => note === 'two' && series?.count === 2)).toHaveLength(2);
    several[0]?.record(Namespaces, namespace, { ...attached, note: 'three' });
    await several[0]?.flush();
    expect(stored()).toHaveLength(4);
  });

  test('after six quiet minutes it is a new event', async () => {
    record();
    await recorder.flush();
    clock.pass(6 * 60_000);
    record();
    await recorder.flush();
    expect(stored()).toHaveLength(2);
  });

  test('an event that has expired meanwhile is created again', async () => {
    record();
    await recorder.flush();
    const { metadata } = stored()[0] ?? {};
    server.store.delete(Events, { namespace: 'default', name: metadata?.name ?? '' });
    record();
    await recorder.flush();
    expect(stored()).toHaveLength(1);
  });

  test('a flood about one object is cut off after the burst, then one comes every ten seconds', async () => {
    for (let i = 0; i < 100; i++) record({ note: `namespace ${i} is attached.` });
    await recorder.flush();
    expect(stored()).toHaveLength(20);
    clock.pass(9_999);
    record({ note: 'too early' });
    clock.pass(1);
    record({ note: 'in time' });
    record({ note: 'too many' });
    await recorder.flush();
    expect(stored()).toHaveLength(21);
    record({ note: 'other reason', reason: 'Detached' });
    record({}, { metadata: { name: 'y', uid: 'u2' } });
    await recorder.flush();
    expect(stored()).toHaveLength(23);
  });

  test('a flood of one and the same event is counted, and costs no more requests than the burst', async () => {
    for (let i = 0; i < 500; i++) record();
    await recorder.flush();
    expect(server.requests.count()).toBeLessThanOrEqual(20);
    clock.pass(10_000);
    record();
    await recorder.flush();
    expect(stored()[0]?.series?.count).toBe(501);
  });

  test('text is cut to what the server takes, which it counts in bytes', async () => {
    record({ note: '🐎'.repeat(400) });
    await recorder.flush();
    const [event] = stored();
    expect(event?.note).toBe('🐎'.repeat(256));
  });

  const versionOf = ({ metadata }: Event) => Number(metadata?.resourceVersion);
  const others = (count: number): KubeObject[] =>
    Array.from({ length: count }, (_, index) => ({
      ...namespace,
      metadata: { name: `x-${index}`, uid: `u-${index}` },
    }));

  test('however many come at once, they are sent one after the other, in their order', async () => {
    const hold = server.faults.inject('hold', { limit: 1 });
    for (const other of others(50)) record({}, other);
    await eventually(() => hold.hits === 1, { timeoutMs: 15_000, what: 'the first is held' });
    await new Promise(resolve => setTimeout(resolve, 50));
    expect(server.requests.count()).toBe(1);
    expect(transport.load.inFlight).toBe(1);
    hold.remove();
    await recorder.flush();
    const inOrder = stored().sort((one, other) => versionOf(one) - versionOf(other));
    const named = inOrder.map(({ metadata }) => metadata?.name?.replace(/\..*/, ''));
    expect(named).toEqual(others(50).map(({ metadata }) => metadata?.name));
  });

  test('while a server does not answer, so many wait and no more', async () => {
    const hold = server.faults.inject('hold', { limit: 1 });
    for (const other of others(2_100)) record({}, other);
    hold.remove();
    await recorder.flush();
    expect(stored()).toHaveLength(2_001);
  });

  test('a server that fails neither throws nor stops the next', async () => {
    server.faults.inject('internalError', { limit: 1 });
    record();
    await recorder.flush();
    record({ note: 'next' });
    await recorder.flush();
    expect(stored()).toEqual([expect.objectContaining({ note: 'next' })]);
  });
});
