import { expect, test } from '@jest/globals';
import { AnswerError, ApiError, ConnectionError } from '#runtime';
import { Readable } from './readable.ts';

const refusal = (code = 403) => new ApiError(code, { message: `nodes is forbidden: ${code}` }, 'GET /nodes?timeout=1');

/** What the informer fails of at each look, undefined for a watch that runs; the reasons after each. */
function reasons(...failures: (Error | undefined)[]): (string | undefined)[] {
  const informer = { known: false, failure: undefined as unknown, resource: 'nodes' };
  const readable = new Readable(informer);
  return failures.map(failure => {
    Object.assign(informer, { known: failure === undefined, failure });
    readable.look();
    return readable.problem?.reason;
  });
}

test('one refusal does not count, the second in a row does, until the watch runs', () => {
  const once = refusal();
  expect(reasons(once, once, refusal(), undefined, refusal())).toEqual([
    undefined,
    undefined,
    'Forbidden',
    undefined,
    undefined,
  ]);
});

test('silence is no answer: it neither counts nor lifts a verdict', () => {
  const silence = () => new ConnectionError('refused');
  expect(reasons(silence(), silence(), silence())).toEqual([undefined, undefined, undefined]);
  expect(reasons(refusal(), silence(), refusal())).toEqual([undefined, undefined, undefined]);
  expect(reasons(refusal(), refusal(), silence())).toEqual([undefined, 'Forbidden', 'Forbidden']);
});

test('a credential that is not known is told elsewhere', () => {
  expect(reasons(refusal(401), refusal(401))).toEqual([undefined, undefined]);
});

test('what is no answer to the question counts when it lasts', () => {
  const wrong = () => new AnswerError('WATCH nodes', 'its kind is Secret');
  expect(reasons(wrong(), wrong(), wrong(), wrong(), wrong(), undefined)).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
    'ReadFailed',
    undefined,
  ]);
});

test('another answer than 403 counts only when it lasts', () => {
  const failures = Array.from({ length: 6 }, () => refusal(500));
  const never = [undefined, undefined, undefined, undefined];
  expect(reasons(...failures)).toEqual([...never, 'ReadFailed', 'ReadFailed']);
  expect(reasons(...failures.slice(0, 4), undefined, ...failures.slice(0, 4))).not.toContain('ReadFailed');
});

test('the message is what the server says and what to do, the same at each try', () => {
  const informer = { known: false, failure: refusal(), resource: 'nodes' };
  const readable = new Readable(informer);
  readable.look();
  informer.failure = refusal();
  readable.look();
  expect(readable.problem?.message).toBe(
    'nodes is forbidden: 403: grant the connection’s user list and watch on nodes',
  );
});
