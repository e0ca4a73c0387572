import { expect, test } from '@jest/globals';
import { eventually, eventuallyPasses } from './eventually.ts';

test('returns the first truthy value', async () => {
  const values = [undefined, 0, 'found', 'later'];

  expect(await eventually(() => values.shift(), { timeoutMs: 5_000, what: 'a value comes' })).toBe('found');
});

test('calls again what throws', async () => {
  let calls = 0;
  const probe = async (): Promise<number> => {
    calls += 1;
    if (calls < 3) throw new Error('not yet');
    return calls;
  };

  expect(await eventually(probe, { timeoutMs: 5_000, what: 'it stops throwing' })).toBe(3);
});

test('says what did not happen, and the last error', async () => {
  const probe = (): never => {
    throw new Error('no such copy');
  };

  await expect(eventually(probe, { timeoutMs: 60, what: 'the copy appears' })).rejects.toThrow(
    'not within 60 ms: the copy appears; last error: no such copy',
  );
});

test('says what did not happen, and the last value', async () => {
  await expect(eventually(() => '', { timeoutMs: 60, what: 'a name is given' })).rejects.toThrow(
    'not within 60 ms: a name is given; last value: ',
  );
});

test('does not wait for a call that never comes back', async () => {
  const never = (): Promise<string> => Promise.withResolvers<string>().promise;

  await expect(eventually(never, { timeoutMs: 60, what: 'it answers' })).rejects.toThrow(
    /the last call did not come back/,
  );
});

test('an assertion passes when it throws no more', async () => {
  let value = 0;

  await eventuallyPasses(() => expect(++value).toBe(3), { timeoutMs: 5_000, what: 'it is 3' });

  expect(value).toBe(3);
});
