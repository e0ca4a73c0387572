import { expect, test } from '@jest/globals';
import { SharedQuestion } from './shared-question.ts';

const { signal } = new AbortController();

/** A question whose answers are given by hand, in the order of asking. */
function asked() {
  const put: PromiseWithResolvers<string>[] = [];
  const question = new SharedQuestion(() => {
    const answer = Promise.withResolvers<string>();
    put.push(answer);
    return answer.promise;
  });
  return { put, question };
}

test('who asks while it is under way shares the next one', async () => {
  const { put, question } = asked();
  const first = question.ask(signal);
  const later = [question.ask(signal), question.ask(signal)];
  expect(put).toHaveLength(1);
  put[0]?.resolve('before');
  await expect(first).resolves.toBe('before');
  expect(put).toHaveLength(2);
  put[1]?.resolve('after');
  await expect(Promise.all(later)).resolves.toEqual(['after', 'after']);
});

test('one that was answered is put again', async () => {
  const { put, question } = asked();
  const first = question.ask(signal);
  put[0]?.resolve('once');
  await first;
  const second = question.ask(signal);
  put[1]?.resolve('twice');
  await expect(second).resolves.toBe('twice');
});

test('a failure reaches those who share it, and not who waits for the next', async () => {
  const { put, question } = asked();
  const first = question.ask(signal);
  const next = question.ask(signal);
  put[0]?.reject(new Error('away'));
  await expect(first).rejects.toThrow('away');
  put[1]?.resolve('back');
  await expect(next).resolves.toBe('back');
});
