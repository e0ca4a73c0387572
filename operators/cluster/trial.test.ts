import { afterEach, describe, expect, test } from '@jest/globals';
import { ApiError, ClusterReplacedError, ConnectionError, type Credentials, ProxyError } from '#runtime';
import { FakeClock } from '../../test/support/fake-clock.ts';
import type { Connection } from './connection.ts';
import { Trial, trialProblem, withRefusal, withTrialProblem } from './trial.ts';

const credentials: Credentials = { resolve: async () => ({ server: 'https://new', tls: {}, headers: {} }) };
const connection: Connection = { credentials, server: 'https://new', intervalMs: 1, timeoutMs: 2, hash: 'new' };

describe('why new credentials are not taken', () => {
  test.each([
    [new ApiError(401, { message: 'Unauthorized' }, 'GET /x'), 'does not know the credential (401)'],
    [new ApiError(403, { message: 'no', reason: 'Forbidden' }, 'GET /x'), 'may not get namespace kube-system (403)'],
    [new ApiError(503, { message: 'etcd is away' }, 'GET /x'), 'the server answers 503: etcd is away'],
    [new ClusterReplacedError('the new credentials reach another cluster'), 'delete the Secret first'],
    [refusal('ECONNREFUSED'), 'connection refused'],
    [
      new ConnectionError('x', { cause: new ProxyError('proxy:3128', 'it answers 407') }),
      'the proxy proxy:3128: it answers 407',
    ],
    [refusal('CERT_HAS_EXPIRED'), 'certificate has expired'],
    [new ConnectionError('no answer in time'), 'timed out'],
    [new Error('something else'), 'something else'],
  ])('%s', (error, why) => {
    expect(trialProblem(error)).toContain(why);
  });

  function refusal(code: string): ConnectionError {
    return new ConnectionError('no answer', { cause: Object.assign(new Error(code), { code }) });
  }
});

describe('Connected while new credentials fail', () => {
  const connected = { type: 'Connected', status: 'True', reason: 'Connected', message: 'heartbeats arrive' } as const;

  test('stays True and says why the kubeconfig that is there is refused', () => {
    const said = { reason: 'KubeconfigRefused', message: 'Secret c-a/a: user.exec is not accepted' };
    expect(withRefusal(connected, said)).toMatchObject({
      status: 'True',
      reason: 'KubeconfigRefused',
      message: expect.stringContaining('by the kubeconfig before; the new one is not used: Secret c-a/a: user.exec'),
    });
    expect(withRefusal({ ...connected, status: 'Unknown' }, said)).toMatchObject({ reason: 'Connected' });
    expect(withRefusal(connected, undefined)).toBe(connected);
  });

  test('stays True and says what is wrong', () => {
    expect(withTrialProblem(connected, 'connection refused')).toEqual({
      type: 'Connected',
      status: 'True',
      reason: 'NewKubeconfigFails',
      message:
        'heartbeats arrive by the kubeconfig before; the new one does not work and is tried again: connection refused',
    });
  });

  test('is as it is when the cluster is lost, or nothing is known', () => {
    const lost = { ...connected, status: 'Unknown', reason: 'HeartbeatLost' } as const;

    expect(withTrialProblem(lost, 'connection refused')).toBe(lost);
    expect(withTrialProblem(undefined, 'connection refused')).toBeUndefined();
    expect(withTrialProblem(connected, undefined)).toBe(connected);
  });
});

describe('a trial', () => {
  const clock = new FakeClock();
  let trial: Trial | undefined;
  afterEach(() => trial?.stop());

  /** A trial whose tries end like these, the last one again and again; undefined is a success. */
  function begin(...results: readonly (Error | undefined)[]): { tries: number; told: string[] } {
    const seen = { tries: 0, told: [] as string[] };
    const cluster = {
      reconnect: async () => {
        const result = results[Math.min(seen.tries++, results.length - 1)];
        if (result) throw result;
      },
    };
    const taken = () => seen.told.push('taken');
    const failed = () => seen.told.push(`failed: ${trial?.problem}`);
    trial = new Trial({ connection, cluster, clock, taken, failed });
    return seen;
  }

  test('goes on until it works, and is tried at least every 10 s', async () => {
    const seen = begin(...Array.from({ length: 10 }, () => new Error('not yet')), undefined);

    for (let second = 0; second < 60; second++) await clock.advance(1_000);
    expect(seen.tries).toBeGreaterThanOrEqual(7);
    for (let second = 0; second < 60; second++) await clock.advance(1_000);

    expect(seen.tries).toBe(11);
    expect(seen.told).toEqual([...Array.from({ length: 10 }, () => 'failed: not yet'), 'taken']);
    expect(clock.waiting).toBe(0);
  });

  test('ends when nobody wants it any more', async () => {
    const seen = begin(new Error('not yet'));
    await clock.advance(0);

    trial?.stop();
    await clock.advance(60_000);

    expect(seen).toEqual({ tries: 1, told: ['failed: not yet'] });
    expect(clock.waiting).toBe(0);
  });
});
