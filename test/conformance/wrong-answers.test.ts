import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import {
  AnswerError,
  ApiError,
  Client,
  ConnectionError,
  errorMessage,
  Informer,
  Transport,
  type WatcherTimings,
} from '#runtime';
import { eventually } from '../support/eventually.ts';
import * as wrong from '../support/wrong-answers.ts';
import { type WrongAnswer, WrongServer } from '../support/wrong-server.ts';
import { errorOf, KEY } from './proxied-server.ts';
import { type ConfigMap, ConfigMapType, FAST, plainCredentials, within } from './world.ts';

const MIB = 1024 * 1024;
const aConfigMap = (fields: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'a', namespace: 'x', uid: 'u', resourceVersion: '1', ...fields },
});
const list = (...items: unknown[]) => ({ kind: 'ConfigMapList', metadata: { resourceVersion: '5' }, items });
const added = (object: unknown) => ({ type: 'ADDED', object });
const padded = (bytes: number) => ({ ...aConfigMap(), data: { a: 'x'.repeat(bytes) } });

let server: WrongServer;
let client: Client;

beforeAll(async () => {
  server = await WrongServer.start();
  client = new Client(new Transport({ credentials: plainCredentials(server.url, 'secret') }), { fieldManager: 'test' });
});
afterEach(() => {
  server.rightly();
  expect(client.transport.held.held).toBe(0);
  expect(client.transport.load.inFlight).toBe(0);
});
afterAll(async () => {
  await client?.transport.close();
  await server?.stop();
});

function answering(answer: WrongAnswer): void {
  server.wrongly(/./, answer);
}

/** How much more memory is resident at its most, while the work is done, in MiB. */
async function growth(work: () => Promise<unknown>): Promise<number> {
  const before = process.memoryUsage.rss();
  let most = before;
  const timer = setInterval(() => {
    most = Math.max(most, process.memoryUsage.rss());
  }, 5);
  await work();
  clearInterval(timer);
  return (most - before) / MIB;
}

describe('a request', () => {
  test.each([
    ['a body without an end', wrong.endless('{"a":"'), 'the answer is longer than 8 MiB'],
    ['crumbs without an end', wrong.endlessCrumbs('{"a":"'), 'the answer is longer than 8 MiB'],
    ['a length that is beyond the bound', wrong.announcesTooMuch, 'the answer is longer than 8 MiB'],
    ['1xx answers without an end', wrong.informationalFlood, 'more than 32 1xx answers'],
    ['headers without an end', wrong.headerFlood, 'its answer is no HTTP/1.1: Headers Overflow Error'],
    ['trailers without an end', wrong.trailerFlood, 'its answer is no HTTP/1.1: Headers Overflow Error'],
    ['another protocol', wrong.upgrade, 'it changes to another protocol, which was not asked for'],
    ['what is no HTTP', wrong.noHttp, 'its answer is no HTTP/1.1: '],
    ['more than it announced', wrong.longerThanAnnounced('{"a":1}'), 'the answer is no JSON'],
    ['a compressed body', wrong.gzipped(aConfigMap()), 'the answer is no JSON, but encoded (gzip)'],
    ['a page of HTML', wrong.whole('200 OK', '<html>', ['content-type: text/html']), 'the answer is no JSON'],
    ['invalid JSON', wrong.whole('200 OK', '{"kind":'), 'the answer is no JSON'],
    ['invalid UTF-8', wrong.whole('200 OK', Buffer.from([0x7b, 0xff, 0xfe, 0x7d])), 'the answer is no JSON'],
    ['a number', wrong.object(7), 'the answer is JSON, but no object'],
    ['a list in place of an object', wrong.object([]), 'the answer is JSON, but no object'],
    ['no body', wrong.whole('204 No Content', '', []), 'the answer is no JSON: it is empty'],
    [
      'a failure with status 200',
      wrong.object({ kind: 'Status', status: 'Failure', code: 500, message: 'etcd\nis away' }),
      'it answers 200 with a failure: etcd is away',
    ],
    ['another kind', wrong.object({ ...aConfigMap(), kind: 'Secret' }), 'no ConfigMap x/a: its kind is Secret'],
    ['another name', wrong.object(aConfigMap({ name: 'b' })), 'no ConfigMap x/a: its name is b'],
    ['another namespace', wrong.object(aConfigMap({ namespace: 'y' })), 'no ConfigMap x/a: its namespace is y'],
    ['no metadata', wrong.object({ kind: 'ConfigMap' }), 'no ConfigMap x/a: it has no metadata'],
    ['a uid that is no text', wrong.object(aConfigMap({ uid: {} })), 'its uid is no text'],
    ['a version that is no number', wrong.object(aConfigMap({ resourceVersion: 'new' })), 'no number: new'],
    ['a version that is no text', wrong.object(aConfigMap({ resourceVersion: 7 })), 'no number: 7'],
    ['labels that are no texts', wrong.object(aConfigMap({ labels: { a: 1 } })), 'its labels are no texts'],
    ['annotations that are a list', wrong.object(aConfigMap({ annotations: ['a'] })), 'its annotations are no texts'],
    ['finalizers that are a text', wrong.object(aConfigMap({ finalizers: 'a' })), 'its finalizers are no list'],
    ['owners that are none', wrong.object(aConfigMap({ ownerReferences: [null] })), 'its ownerReferences are no list'],
  ])('that gets %s fails with that', async (_what, answer, problem) => {
    answering(answer);
    const error = await errorOf(client.get(ConfigMapType, KEY, { timeoutMs: 10_000 }));
    expect(error).toBeInstanceOf(AnswerError);
    expect(errorMessage(error)).toContain(problem);
    expect(errorMessage(error)).toContain('/api/v1/namespaces/x/configmaps/a');
  });

  test.each([
    ['a slow drip', wrong.drip(50)],
    ['slow 1xx answers', wrong.informationalDrip(50)],
    ['a body that stops', wrong.shorterThanAnnounced('{')],
  ])('that gets %s ends in time, without an answer', async (_what, answer) => {
    answering(answer);
    const startedAt = performance.now();
    expect(await errorOf(client.get(ConfigMapType, KEY, { timeoutMs: 500 }))).toBeInstanceOf(ConnectionError);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });

  test.each([
    ['a page', 64, () => client.list(ConfigMapType, { namespace: 'x' }, { timeoutMs: 20_000 })],
    ['a probe', 1, () => client.transport.request({ method: 'GET', path: '/readyz', maxBytes: MIB })],
  ])('for %s may get %i MiB and holds no more of it', async (_what, most, ask) => {
    answering(wrong.endless());
    let error: unknown;
    const grown = await growth(async () => {
      error = await errorOf(ask());
    });
    expect(errorMessage(error)).toContain(`the answer is longer than ${most} MiB`);
    expect(grown).toBeLessThan(most + 64);
  });

  test('is right with an object just below the bound', async () => {
    answering(wrong.object(padded(8 * MIB - 200 * 1024)));
    const { data } = await client.get<ConfigMap>(ConfigMapType, KEY);
    expect(data?.a).toHaveLength(8 * MIB - 200 * 1024);
  });

  test('is refused when all of them together hold too much', async () => {
    answering(wrong.endless());
    const errors = await Promise.all(
      Array.from({ length: 12 }, () => errorOf(client.list(ConfigMapType, { namespace: 'x' }, { timeoutMs: 20_000 }))),
    );
    expect(errors.map(errorMessage).join()).toContain('its answers are more than 128 MiB at the same time');
  });

  test('does not take its credential elsewhere', async () => {
    const elsewhere = await WrongServer.start();
    elsewhere.wrongly(/./, wrong.object(aConfigMap()));
    answering(wrong.redirect(`${elsewhere.url}/api`));
    expect(await errorOf(client.get(ConfigMapType, KEY))).toMatchObject({ name: 'ApiError', code: 307 });
    expect(elsewhere.wronged).toEqual([]);
    await elsewhere.stop();
  });

  test('that is to come again in a billion seconds ends in time', async () => {
    answering(wrong.refusal(429, { message: 'later' }, ['retry-after: 1000000000']));
    expect(await errorOf(client.get(ConfigMapType, KEY, { timeoutMs: 1_000 }))).toMatchObject({ code: 429 });
  });

  test('that is refused with 10 MB keeps the code, and little of the words', async () => {
    answering(wrong.refusal(403, { reason: 'Forbidden', message: `no\x1b[31m\n${'x'.repeat(10 * MIB)}` }));
    const cut = await errorOf(client.get(ConfigMapType, KEY));
    expect(cut).toMatchObject({ name: 'ApiError', code: 403 });
    expect(errorMessage(cut).length).toBeLessThan(400);

    answering(wrong.refusal(403, { reason: 'Forbidden', message: `no\x1b[31m\n${'x'.repeat(MIB / 2)}` }));
    const error = await errorOf(client.get(ConfigMapType, KEY));
    expect(error).toMatchObject({ code: 403, reason: 'Forbidden' });
    expect(errorMessage(error)).toContain('no xxx');
    expect(errorMessage(error)).toHaveLength('GET /api/v1/namespaces/x/configmaps/a: '.length + 1_024);
    expect(errorMessage(error).endsWith('…')).toBe(true);
  });

  test('that is refused with fields of other types reads none of them', async () => {
    answering(wrong.refusal(409, { reason: {}, message: ['a'], details: { name: 7, causes: ['x', { reason: 8 }] } }));
    const error = await errorOf(client.get(ConfigMapType, KEY));
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ code: 409, reason: '', status: { details: { causes: [{}] } } });
  });

  test.each([
    ['of another kind', { ...list(), kind: 'SecretList' }, 'its kind is SecretList'],
    ['with an item of another kind', list({ ...aConfigMap(), kind: 'Secret' }), 'its kind is Secret'],
    ['with an object of another namespace', list(aConfigMap({ namespace: 'y' })), 'its namespace is y'],
    ['with an object without metadata', list({}), 'it has no metadata'],
    ['with null', list(null), 'it is no object'],
    ['whose items are an object', { ...list(), items: {} }, 'its items are no list'],
    ['whose version is no number', { ...list(), metadata: { resourceVersion: '\x1b[31m' } }, 'is no number'],
    ['whose token is no text', { ...list(), metadata: { continue: 7 } }, 'its continue token is no text'],
  ])('for a list %s fails with that', async (_what, body, problem) => {
    answering(wrong.object(body));
    const error = await errorOf(client.list(ConfigMapType, { namespace: 'x' }));
    expect(error).toBeInstanceOf(AnswerError);
    expect(errorMessage(error)).toContain(problem);
  });

  test('that wrote, and is answered with another object, leaves the caches alone', async () => {
    const written: unknown[] = [];
    const observer = { written: () => written.push('written'), deleted: () => written.push('deleted') };
    const writer = new Client(client.transport, { fieldManager: 'test', observer });
    answering(wrong.object(aConfigMap({ name: 'b' })));
    const works = [
      writer.mergePatch(ConfigMapType, KEY, {}),
      writer.apply<ConfigMap>(ConfigMapType, { metadata: KEY }),
      writer.delete(ConfigMapType, KEY),
    ];
    for (const work of works) expect(await errorOf(work)).toBeInstanceOf(AnswerError);
    answering(wrong.object(aConfigMap({ namespace: 'y' })));
    expect(await errorOf(writer.create(ConfigMapType, { namespace: 'x' }, {}))).toBeInstanceOf(AnswerError);
    expect(written).toEqual([]);
  });
});

describe('a watch', () => {
  const stops: (() => void)[] = [];
  afterEach(() => {
    for (const stop of stops.splice(0)) stop();
  });

  function watching(timings: Partial<WatcherTimings> = FAST) {
    const failures: unknown[] = [];
    const informer = new Informer<ConfigMap>({
      type: ConfigMapType,
      namespace: 'x',
      cluster: 'test',
      timings,
      onHealth: error => {
        if (error !== undefined) failures.push(error);
      },
    });
    const stop = new AbortController();
    informer.start(client, stop.signal);
    stops.push(() => stop.abort());
    return { informer, failures };
  }

  test.each([
    ['a frame without an end', wrong.endless('{"type":"ADDED","object":{"a":"'), 'a watch frame exceeds 8 MiB'],
    ['a frame of crumbs', wrong.endlessCrumbs('{"type":"ADDED","object":{"a":"'), 'a watch frame exceeds 8 MiB'],
    ['a frame that is no JSON', wrong.events('{"type":'), 'the answer is no JSON'],
    ['a page of HTML', wrong.whole('200 OK', '<html>\n'), 'the answer is no JSON'],
    ['an event of no type', wrong.events({ object: aConfigMap() }), 'an event of no known type: undefined'],
    ['an event of another type', wrong.events({ type: 'X', object: aConfigMap() }), 'no known type: X'],
    ['an event without an object', wrong.events({ type: 'ADDED' }), 'it is no object'],
    ['another kind', wrong.events(added({ ...aConfigMap(), kind: 'Secret' })), 'its kind is Secret'],
    ['another namespace', wrong.events(added(aConfigMap({ namespace: 'y' }))), 'its namespace is y'],
    ['an object without metadata', wrong.events(added({})), 'it has no metadata'],
    ['a version that is no number', wrong.events(added(aConfigMap({ resourceVersion: 'z' }))), 'no number: z'],
    ['a bookmark without metadata', wrong.events({ type: 'BOOKMARK', object: {} }), 'no bookmark: it has no metadata'],
    [
      'a bookmark with a version that is no number',
      wrong.events({ type: 'BOOKMARK', object: { metadata: { resourceVersion: 'z' } } }),
      'no bookmark: its resourceVersion is no number: z',
    ],
    ['an error without a status', wrong.events({ type: 'ERROR' }), 'HTTP 500'],
    ['1xx answers without an end', wrong.informationalFlood, 'more than 32 1xx answers'],
    ['another protocol', wrong.upgrade, 'it changes to another protocol'],
    ['headers without an end', wrong.headerFlood, 'Headers Overflow Error'],
    ['an error without an end', whole403(), 'HTTP 403 xxx'],
  ])('that brings %s fails with that, and nothing is known', async (_what, answer, problem) => {
    answering(answer);
    const { informer, failures } = watching({ ...FAST, backoffBaseMs: 5_000, backoffMaxMs: 5_000, initIdleMs: 10_000 });
    await eventually(() => failures.length > 0, within('the watch has failed'));
    expect(errorMessage(failures[0])).toContain(problem);
    expect(errorMessage(failures[0]).length).toBeLessThan(2_048);
    expect(informer.known).toBe(false);
    expect(informer.size).toBe(0);
  });

  function whole403(): WrongAnswer {
    return socket => {
      socket.write('HTTP/1.1 403 Forbidden\r\ntransfer-encoding: chunked\r\n\r\n');
      const write = () => {
        while (!socket.destroyed && socket.write(`400\r\n${'x'.repeat(1024)}\r\n`));
      };
      socket.on('drain', write);
      write();
    };
  }
});
