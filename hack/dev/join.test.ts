import { describe, expect, test } from '@jest/globals';
import { joinStep } from './join.ts';

const encoded = (text: string) => Buffer.from(text).toString('base64');
const byAgent = { spec: { connection: { agent: {} } } };
const offered = (id: string) => ({
  metadata: { annotations: { 'paddock.dev/token-id': id } },
  data: { 'agent.yaml': encoded(`manifest ${id}`) },
});
const spent = { metadata: { annotations: { 'paddock.dev/spent': 'Used' } } };
const applied = (id: string) => ({ data: { 'token-id': encoded(id) } });

const stepOf = (offered: unknown, applied: unknown, cluster: unknown = byAgent) =>
  joinStep({ name: 'remote-1', cluster, offered, applied });

describe('a cluster that was never joined', () => {
  test.each([
    ['there is no Secret', undefined],
    ['the Secret is empty', { metadata: {} }],
    ['the Secret has no manifest', { metadata: offered('a').metadata }],
  ])('waits while %s', (_, secret) => {
    const why = 'Secret c-remote-1/registration has no manifest yet';
    expect(stepOf(secret, undefined)).toEqual({ kind: 'wait', why });
  });

  test('gets the manifest', () => {
    expect(stepOf(offered('a'), undefined)).toEqual({ kind: 'apply', manifest: 'manifest a' });
  });

  test('waits for another manifest when this one was used elsewhere', () => {
    expect(stepOf(spent, undefined)).toMatchObject({
      kind: 'wait',
      why: expect.stringContaining('delete that Secret'),
    });
  });
});

describe('a cluster that has a manifest', () => {
  test('goes on with it before and after it was used', () => {
    expect(stepOf(offered('a'), applied('a'))).toEqual({ kind: 'run' });
    expect(stepOf(spent, applied('a'))).toEqual({ kind: 'run' });
  });

  test('gets a newer one', () => {
    expect(stepOf(offered('b'), applied('a'))).toEqual({ kind: 'apply', manifest: 'manifest b' });
  });

  test('waits when the hub may be about to offer a newer one', () => {
    expect(stepOf(undefined, applied('a'))).toMatchObject({ kind: 'wait' });
  });
});

test('a cluster that is connected otherwise now is left alone', () => {
  const pushed = { spec: { connection: { kubeconfig: { secretRef: { name: 'remote-1' } } } } };

  expect(stepOf(offered('a'), applied('a'), pushed)).toEqual({ kind: 'none' });
});
