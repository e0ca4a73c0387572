import { describe, expect, test } from '@jest/globals';
import { claimsOf } from './token.ts';

function tokenWith(claims: unknown): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'RS256' })}.${part(claims)}.c2lnbmF0dXJl`;
}

describe('the claims of a token', () => {
  test.each([
    ['no id', { iat: 0, exp: 1 }, /no id \(claim jti\): the hub must run Kubernetes 1\.30/],
    ['an id that is no text', { jti: 7, iat: 0, exp: 1 }, /claim jti/],
    ['no end', { jti: 'id', iat: 0 }, /how long it lives/],
    ['nothing', null, /claim jti/],
  ])('are missed: %s', (_what, claims, message) => {
    expect(() => claimsOf(tokenWith(claims))).toThrow(message);
  });

  test('of something that is no token are an error that does not quote it', () => {
    expect(() => claimsOf('secret-text')).toThrow(expect.not.stringContaining('secret-text'));
  });

  test('say its id and how long it lives, whatever the time is', () => {
    const claims = { jti: '0e6d3b9c', iat: 1_000_000_000, exp: 1_000_000_600, nbf: 1_000_000_000 };

    expect(claimsOf(tokenWith(claims))).toEqual({ id: '0e6d3b9c', lifetimeMs: 600_000 });
  });
});
