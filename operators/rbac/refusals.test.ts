import { describe, expect, test } from '@jest/globals';
import { ApiError } from '#runtime';
import { ClusterRoleBindings } from '../engagement/rbac-kinds.ts';
import { obstacleOf, Refusals, RefusedError, writing } from './refusals.ts';

const answer = (code: number, reason: string) => new ApiError(code, { reason, message: 'not now' }, 'DELETE /a');
const write = (name: string, takes = true) =>
  ({ type: ClusterRoleBindings, key: { name }, verb: takes ? 'deleted' : 'made', takes }) as const;
const refusal = (name: string, takes = true) => new RefusedError(write(name, takes), answer(403, 'Forbidden'));
const failing = (error: unknown) => () => Promise.reject(error);

describe('a write', () => {
  test('that the server refuses says what it was about, and why in the server’s words', async () => {
    const error = await writing(write('a'), failing(answer(422, 'Invalid'))).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(RefusedError);
    expect(error).toMatchObject({
      message: "clusterrolebindings.rbac.authorization.k8s.io a can't be deleted",
      why: 'not now',
    });
  });

  test.each([
    ['loses a race', answer(409, 'Conflict')],
    ['gets no answer', new Error('reset')],
  ])('that %s is not refused', async (_what, thrown) => {
    await expect(writing(write('a'), failing(thrown))).rejects.toBe(thrown);
  });
});

test('a refusal is known until the work succeeds, whatever else goes wrong meanwhile', async () => {
  const refusals = new Refusals();
  const [first, second] = [refusal('a'), refusal('b')];
  for (const [key, error] of [
    ['x', first],
    ['y', second],
    ['x', new Error('reset')],
  ] as const)
    await expect(refusals.during(key, failing(error))).rejects.toBe(error);

  expect(refusals.of(['x', 'z'])).toEqual([first]);
  expect(refusals.all(['y'])).toEqual([second, first]);

  expect(await refusals.during('x', async () => 'done')).toBe('done');
  expect(refusals.all([])).toEqual([second]);
});

describe('what is said of refusals', () => {
  const at = { where: 'cluster edge-1', holdsUp: false };

  test('is nothing where there are none', () => {
    expect(obstacleOf([], at)).toBeUndefined();
  });

  test('is the first, and how many more', () => {
    expect(obstacleOf([refusal('a'), refusal('b'), refusal('c')], at)?.message).toMatch(/ a can't .*\(and 2 more\)/);
  });

  test('is about taking or giving, and about taking where all waits for it', () => {
    expect(obstacleOf([refusal('a')], at)?.reason).toBe('RevocationFailed');
    expect(obstacleOf([refusal('a', false)], at)?.reason).toBe('GrantFailed');
    expect(obstacleOf([refusal('a', false)], { ...at, holdsUp: true })?.reason).toBe('RevocationFailed');
  });
});
