import { expect, test } from '@jest/globals';
import { LingeringTokens } from './lingering.ts';

const WALL = Date.parse('2026-01-01T12:00:00Z');
const aSecret = (uid: string, deletionTimestamp?: string) => ({
  metadata: { name: `access-${uid}`, uid, ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }) },
});

test('an account has a token that lingers for 75 s from when its Secret was seen to be kept', () => {
  const tokens = new LingeringTokens();
  const secret = aSecret('a');
  tokens.add('u-1', secret, { wall: WALL, now: 0 });
  tokens.add('u-1', aSecret('a', '2026-01-01T12:00:01Z'), { wall: WALL + 30_000, now: 30_000 });
  expect(tokens.of('u-1', 74_999)).toEqual(expect.objectContaining({ secret, until: 75_000 }));
  expect(tokens.of('u-1', 75_000)).toBeUndefined();
  expect(tokens.of('u-2', 0)).toBeUndefined();
});

test('of several the one that lingers for longest counts', () => {
  const tokens = new LingeringTokens();
  tokens.add('u-1', aSecret('a'), { wall: WALL, now: 0 });
  tokens.add('u-1', aSecret('b'), { wall: WALL, now: 20_000 });
  expect(tokens.of('u-1', 30_000)?.secret.metadata?.uid).toBe('b');
  expect(tokens.of('u-1', 80_000)?.secret.metadata?.uid).toBe('b');
});

test('a Secret that was deleted long ago keeps no token, also after a restart', () => {
  const tokens = new LingeringTokens();
  tokens.add('u-1', aSecret('a', '2026-01-01T11:00:00Z'), { wall: WALL, now: 0 });
  expect(tokens.of('u-1', 1)).toBeUndefined();
});
