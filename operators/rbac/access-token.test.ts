import { describe, expect, test } from '@jest/globals';
import type { ClusterAccess } from '#api';
import { cappedExpiry, endOf, InvalidTokenError, readAccessToken, secondsLeft } from './access-token.ts';
import { accountName } from './account.ts';

const UID = '0b7ad7a4-1111-4222-8333-444455556666';
const ANCHOR = '9c1f2d3e-aaaa-4bbb-8ccc-ddddeeeeffff';
const CREATED = Date.parse('2026-01-01T00:00:00Z');
const HOUR = 3_600_000;

function anAccess(spec: Partial<ClusterAccess['spec']> = {}, status: ClusterAccess['status'] = {}): ClusterAccess {
  const metadata = { name: 'mine', namespace: 'c-edge-1', uid: UID, creationTimestamp: '2026-01-01T00:00:00Z' };
  return {
    apiVersion: 'paddock.dev/v1alpha1',
    kind: 'ClusterAccess',
    metadata,
    spec: { user: 'alice', ...spec },
    status,
  };
}

const right = {
  sub: `system:serviceaccount:paddock-users:${accountName('alice')}`,
  exp: (CREATED + 2 * HOUR) / 1_000,
  'kubernetes.io': { namespace: 'paddock-users', secret: { name: `access-${UID}`, uid: ANCHOR } },
};
const jwt = (claims: unknown) =>
  [{ alg: 'RS256' }, claims, 's'].map(part => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');

describe('a token that an agent handed over', () => {
  test('is taken with what its claims say', () => {
    expect(readAccessToken(jwt(right), anAccess())).toEqual({
      token: jwt(right),
      boundTo: ANCHOR,
      expiresAt: '2026-01-01T02:00:00Z',
    });
  });

  test('never lasts past creation and ttl', () => {
    const long = jwt({ ...right, exp: (CREATED + 10_000 * HOUR) / 1_000 });

    expect(readAccessToken(long, anAccess({ ttl: '1h' })).expiresAt).toBe('2026-01-01T01:00:00Z');
    expect(readAccessToken(long, anAccess()).expiresAt).toBe('2026-01-01T12:00:00Z');
  });

  const secret = (more: object) => ({ 'kubernetes.io': { secret: { ...right['kubernetes.io'].secret, ...more } } });
  test.each<readonly [what: string, token: string, message: RegExp]>([
    ['nothing', '', /no JSON Web Token/],
    ['a kubeconfig', 'users: [{user: {exec: {command: sh}}}]', /no JSON Web Token/],
    ['two tokens', `${jwt(right)}\n${jwt(right)}`, /no JSON Web Token/],
    ['more than 16 KiB', jwt({ ...right, more: 'x'.repeat(20_000) }), /at most 16384/],
    ['claims that are no JSON', `eyJ.${Buffer.from('{').toString('base64url')}.c2ln`, /no JSON object/],
    ['claims that are no object', jwt(7), /no JSON object/],
    ['claims that are null', jwt(null), /no JSON object/],
    ['a list', jwt([right]), /claim sub/],
    [
      'another person’s',
      jwt({ ...right, sub: `system:serviceaccount:paddock-users:${accountName('bob')}` }),
      /claim sub/,
    ],
    [
      'an account of another namespace',
      jwt({ ...right, sub: 'system:serviceaccount:kube-system:default' }),
      /claim sub/,
    ],
    ['bound to nothing', jwt({ ...right, 'kubernetes.io': {} }), /secret\.name/],
    ['bound to what is no object', jwt({ ...right, 'kubernetes.io': { secret: 'x' } }), /secret\.name/],
    ['bound to another access', jwt({ ...right, ...secret({ name: 'access-other' }) }), /secret\.name/],
    ['bound to no uid', jwt({ ...right, ...secret({ uid: 7 }) }), /secret\.uid/],
    ['bound to a uid of markup', jwt({ ...right, ...secret({ uid: 'a\n- exec'.padEnd(36) }) }), /secret\.uid/],
    ['without end', jwt({ ...right, exp: undefined }), /claim exp/],
    ['with an end of text', jwt({ ...right, exp: '2999' }), /claim exp/],
    ['with an end that no clock shows', jwt({ ...right, exp: 1e300 }), /claim exp/],
    ['with an end before all time', jwt({ ...right, exp: -1 }), /claim exp/],
  ])('is refused: %s', (_what, token, message) => {
    const reading = () => readAccessToken(token, anAccess());

    expect(reading).toThrow(InvalidTokenError);
    expect(reading).toThrow(message);
  });

  test('is not quoted where it is refused', () => {
    const forged = jwt({ ...right, sub: 'a secret subject' });

    expect(() => readAccessToken(forged, anAccess())).toThrow(expect.not.objectContaining({ message: /a secret/ }));
  });
});

test.each([
  ['its status', '2026-01-01T03:00:00Z', '2026-01-01T03:00:00Z'],
  ['its ttl, where a status says more', '2999-01-01T00:00:00Z', '2026-01-01T12:00:00Z'],
  ['its ttl, where no status says so', undefined, '2026-01-01T12:00:00Z'],
])('an access ends by %s', (_what, expiresAt, end) => {
  const access = anAccess({}, expiresAt === undefined ? {} : { expiresAt });

  expect(new Date(endOf(access)).toISOString()).toBe(end.replace('Z', '.000Z'));
  expect(cappedExpiry(access, expiresAt ?? '2999-01-01T00:00:00Z')).toBe(end);
});

test.each([
  [0, 43_200],
  [2 * HOUR, 36_000],
  [12 * HOUR - 1_000, 600],
  [13 * HOUR, 600],
])('%i ms after its creation a token is asked for %i s', (after, seconds) => {
  expect(secondsLeft(anAccess(), CREATED + after)).toBe(seconds);
});
