import { describe, expect, test } from '@jest/globals';
import type { KubeObject } from '#runtime';
import { isReuse, registrationState, renewalAdvice, waitingRegistration } from './secret.ts';

const FILLED = {
  'paddock.dev/token-id': 'id-1',
  'paddock.dev/expires-at': '2026-01-02T00:00:00Z',
  'paddock.dev/credential-uid': 'credential-1',
};

function secret(
  annotations: Record<string, string> = {},
  rest: { readonly deletionTimestamp?: string } = {},
): KubeObject {
  return { metadata: { name: 'registration', uid: 'uid-1', annotations, ...rest } };
}

describe('the Secret registration', () => {
  test('that is not there is absent', () => {
    expect(registrationState(undefined)).toEqual({ kind: 'absent' });
  });

  test('that is being deleted is that, whatever it holds', () => {
    const going = secret({ ...FILLED, 'paddock.dev/spent': 'Used' }, { deletionTimestamp: '2026-01-01T00:00:00Z' });

    expect(registrationState(going)).toEqual({ kind: 'terminating' });
  });

  test.each([
    ['nothing', {}],
    ['half of what it takes', { 'paddock.dev/token-id': 'id-1' }],
    ['a mark that nobody knows', { 'paddock.dev/spent': 'Perhaps' }],
  ])('that says %s is to be filled', (_what, annotations) => {
    expect(registrationState(secret(annotations))).toEqual({ kind: 'empty', uid: 'uid-1' });
  });

  test('that was used is spent, though it names a token', () => {
    expect(registrationState(secret({ ...FILLED, 'paddock.dev/spent': 'Reused' }))).toEqual({
      kind: 'spent',
      why: 'Reused',
    });
  });

  test('that holds a manifest waits', () => {
    expect(registrationState(secret(FILLED))).toEqual({
      kind: 'waiting',
      uid: 'uid-1',
      tokenId: 'id-1',
      expiresAt: '2026-01-02T00:00:00Z',
      credentialUid: 'credential-1',
    });
  });

  test('is named in the status only while it waits', () => {
    expect(waitingRegistration(undefined)).toBeUndefined();
    expect(waitingRegistration(secret())).toBeUndefined();
    expect(waitingRegistration(secret({ 'paddock.dev/spent': 'Used' }))).toBeUndefined();
    expect(waitingRegistration(secret(FILLED))).toEqual({
      secretRef: { name: 'registration' },
      expiresAt: '2026-01-02T00:00:00Z',
    });
  });

  test('is got anew by deleting it', () => {
    expect(renewalAdvice('edge-1')).toContain('delete Secret c-edge-1/registration');
  });
});

describe('a Lease of a token’s use', () => {
  const lease = (annotations?: Record<string, string>, rest = {}): KubeObject => ({
    metadata: { name: 'registration-id-1', ...(annotations ? { annotations } : {}), ...rest },
  });
  const REUSED = { 'paddock.dev/reused-by': 'another' };

  test.each([
    ['a first use', lease(), false],
    ['a second use', lease(REUSED), true],
    ['a second use that was dealt with', lease({ ...REUSED, 'paddock.dev/revoked': 'true' }), false],
    ['a second use of a Cluster that goes', lease(REUSED, { deletionTimestamp: '2026-01-01T00:00:00Z' }), false],
  ])('that tells of %s', (_what, object, expected) => {
    expect(isReuse(object)).toBe(expected);
  });
});
