import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Cache, Client, type KubeObject, Namespaces, Transport } from '#runtime';
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
function watched() {
  const cache = new Cache({ cluster: 'hostile', onHealth: error => failures.push(error) });
  const failures: unknown[] = [];
  const informer = cache.informer<KubeObject>(Namespaces);
  cache.start(new Client(transport, { fieldManager: 'test' }), stop.signal);
  return { informer, failures };
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
