import { describe, expect, test } from '@jest/globals';
import type { ClusterAccess } from '#api';
import type { Secret } from '../engagement/kubeconfig.ts';
import { accessSecret, tokenSecret } from './access-objects.ts';
import { digestOf, isAsWritten, tokensIn } from './kubeconfigs.ts';

const HUB = 'hub-1';
const KUBECONFIG = 'users: []';
const access: ClusterAccess = {
  apiVersion: 'paddock.dev/v1alpha1',
  kind: 'ClusterAccess',
  metadata: { name: 'mine', namespace: 'c-edge-1', uid: 'uid-1' },
  spec: { user: 'alice' },
  status: { kubeconfig: { secretUID: 'uid-2', sha256: digestOf(KUBECONFIG), boundTo: 'uid-3' } },
};
const written = accessSecret(access, HUB, { kubeconfig: KUBECONFIG, expiresAt: '2026-01-01T00:00:00Z' });
const RIGHT = { hub: HUB, sha256: digestOf(KUBECONFIG) };
const base64 = (text: string) => Buffer.from(text).toString('base64');

describe('a Secret with a kubeconfig', () => {
  test('is as it was written', () => {
    expect(isAsWritten(written, access, RIGHT)).toBe(true);
  });

  test('is as it was written with what others added', () => {
    const labels = { ...written.metadata?.labels, theirs: 'x' };
    expect(isAsWritten({ ...written, metadata: { ...written.metadata, labels } }, access, RIGHT)).toBe(true);
  });

  const changed = (metadata: object): Secret => ({ ...written, metadata: { ...written.metadata, ...metadata } });
  test.each<readonly [what: string, secret: Secret]>([
    ['another kubeconfig', { ...written, data: { kubeconfig: base64('users: [{user: {exec: {command: sh}}}]') } }],
    ['nothing', { ...written, data: {} }],
    ['no data', { metadata: written.metadata ?? {} }],
    ['another key besides', { ...written, data: { ...written.data, other: base64('x') } }],
    ['no labels', changed({ labels: {} })],
    [
      'another owner’s uid',
      changed({ annotations: { ...written.metadata?.annotations, 'paddock.dev/owner-uid': 'x' } }),
    ],
    ['no owner', changed({ ownerReferences: [] })],
    ['a deletion', changed({ deletionTimestamp: '2026-01-01T00:00:00Z' })],
  ])('is not: %s', (_what, secret) => {
    expect(isAsWritten(secret, access, RIGHT)).toBe(false);
  });

  test('is not where no digest was recorded', () => {
    expect(isAsWritten(written, access, { hub: HUB, sha256: undefined })).toBe(false);
  });
});

test('a Secret for a token is made empty, and has the marks by which it is found', () => {
  const secret = tokenSecret(access, HUB);

  expect(secret).toMatchObject({ metadata: { name: 'access-token-uid-1', namespace: 'c-edge-1' }, type: 'Opaque' });
  expect(secret.data).toBeUndefined();
  expect(secret.metadata?.labels).toEqual(written.metadata?.labels);
});

test('tokens are found in what took the place of a kubeconfig, four at most', () => {
  const token = (n: number) => [`eyJ${n}`, 'c', 's'].map(part => part.padEnd(24, 'x')).join('.');
  const text = [1, 2, 3, 4, 5].map(n => `    token: ${token(n)}\n    exec: {command: sh}\n`).join('');

  expect(tokensIn(text)).toEqual([1, 2, 3, 4].map(token));
  expect(tokensIn('users: []')).toEqual([]);
});
