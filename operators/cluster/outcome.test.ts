import { describe, expect, test } from '@jest/globals';
import { AnswerError, ConnectionError, ProxyError } from '#runtime';
import { outcomeOfAnswer, outcomeOfError } from './outcome.ts';

const failed = (code: string, message = 'it failed') =>
  new ConnectionError('GET /readyz: no answer', { cause: Object.assign(new Error(message), { code }) });

describe('an answer', () => {
  test('200 is healthy', () => {
    expect(outcomeOfAnswer({ status: 200, body: 'ok' })).toEqual({ kind: 'healthy' });
  });

  test.each([401, 403])('%d is Unauthorized', status => {
    expect(outcomeOfAnswer({ status, body: '' })).toMatchObject({ kind: 'rejected', reason: 'Unauthorized' });
  });

  test('500 names the failing checks, always in one order', () => {
    const body = '[+]ping ok\n[-]poststarthook/rbac failed: reason withheld\n[-]etcd failed: reason withheld\n';

    expect(outcomeOfAnswer({ status: 500, body })).toEqual({
      kind: 'unhealthy',
      message: 'GET /readyz answers 500; failing checks: etcd, poststarthook/rbac',
    });
  });

  test('names some checks of many, printable and short', () => {
    const checks = Array.from(
      { length: 100 },
      (_, index) => `[-]check-${index + 100}\x1b[31m${'x'.repeat(500)} failed`,
    );
    const outcome = outcomeOfAnswer({ status: 500, body: checks.join('\n') });
    expect(outcome).toMatchObject({ message: expect.stringMatching(/^[ -~…]{1,1000} 90 more$/) });
  });

  test('that is none is unhealthy, and says why', () => {
    expect(outcomeOfError(new AnswerError('GET https://x/readyz', 'the answer is longer than 1 MiB'))).toEqual({
      kind: 'unhealthy',
      message: 'GET /readyz: the answer is longer than 1 MiB',
    });
  });

  test('503 of something in between is unhealthy', () => {
    expect(outcomeOfAnswer({ status: 503, body: '<html>' })).toMatchObject({ kind: 'unhealthy' });
  });
});

describe('no answer', () => {
  test.each([
    ['ECONNREFUSED', 'connection refused'],
    ['ENOTFOUND', 'no such host'],
    ['UND_ERR_CONNECT_TIMEOUT', 'timed out'],
  ])('%s is silence: %s', (code, message) => {
    expect(outcomeOfError(failed(code))).toEqual({ kind: 'silent', message });
  });

  test('within the time of a probe is a time-out', () => {
    const error = new ConnectionError('GET /readyz: no answer within 10 s');

    expect(outcomeOfError(error)).toEqual({ kind: 'silent', message: 'timed out' });
  });

  test('for an unknown cause is told in its own words', () => {
    expect(outcomeOfError(failed('EWEIRD', 'odd'))).toEqual({ kind: 'silent', message: 'odd' });
  });

  test.each(['SELF_SIGNED_CERT_IN_CHAIN', 'CERT_HAS_EXPIRED', 'ERR_TLS_CERT_ALTNAME_INVALID', 'ERR_SSL_SOMETHING'])(
    '%s is TLSInvalid',
    code => {
      expect(outcomeOfError(failed(code))).toMatchObject({ kind: 'rejected', reason: 'TLSInvalid' });
    },
  );

  test.each<readonly [cause: unknown, message: string]>([
    [Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }), 'connection refused'],
    [new Error('x'), 'it answers 407'],
  ])('of a proxy is told of the proxy: %s', (cause, message) => {
    const proxy = new ProxyError('proxy:3128', 'it answers 407', { cause });
    const error = new ConnectionError('GET https://edge/readyz: no answer', { cause: proxy });

    expect(outcomeOfError(error)).toEqual({ kind: 'silent', message, proxy: 'proxy:3128' });
  });

  test('in a handshake that hangs is a time-out, not TLSInvalid', () => {
    expect(outcomeOfError(failed('ERR_TLS_HANDSHAKE_TIMEOUT'))).toEqual({ kind: 'silent', message: 'timed out' });
  });
});
