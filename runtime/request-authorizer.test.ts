import { expect, test } from '@jest/globals';
import type { Client } from './client.ts';
import { ConnectionError } from './errors.ts';
import { RequestAuthorizer } from './request-authorizer.ts';
import type { ResourceType } from './resource.ts';

/** An API server that knows the tokens `good` and `weak`, of which the first may get everything. */
class Reviews {
  readonly asked: string[] = [];
  answers = true;
  now = 0;
  readonly authorizer: RequestAuthorizer;

  constructor() {
    const client = { create: async (type: ResourceType, _key: object, body: object) => this.#create(type, body) };
    const clock = { monotonic: () => this.now } as never;
    this.authorizer = new RequestAuthorizer({ client: client as unknown as Client, clock });
  }

  async ask(authorization: string | undefined) {
    return await this.authorizer.verdict(authorization, '/metrics');
  }

  async #create({ kind }: ResourceType, body: object): Promise<object> {
    if (!this.answers) throw new ConnectionError('no answer');
    const { spec } = body as { spec: { token?: string; user?: string } };
    this.asked.push(`${kind} ${spec.token ?? spec.user}`);
    if (kind === 'SubjectAccessReview') return { status: { allowed: spec.user === 'user-good' } };
    const authenticated = spec.token === 'good' || spec.token === 'weak';
    return { status: authenticated ? { authenticated, user: { username: `user-${spec.token}` } } : {} };
  }
}

test.each([
  ['no header', undefined, 401],
  ['another scheme', 'Basic good', 401],
  ['two tokens', 'Bearer good good', 401],
  ['a line break', 'Bearer good\r\n', 401],
  ['a token that is too long', `Bearer ${'a'.repeat(8_193)}`, 401],
  ['an unknown token', 'Bearer bad', 401],
  ['a user without the right', 'Bearer weak', 403],
  ['a user with the right', 'Bearer good', 200],
  ['a scheme in lower case', 'bearer good', 200],
] as const)('%s', async (_what, authorization, expected) => {
  expect(await new Reviews().ask(authorization)).toBe(expected);
});

test('an answer counts for a minute, a refusal for ten seconds', async () => {
  const reviews = new Reviews();
  for (const token of ['good', 'good', 'bad', 'bad']) await reviews.ask(`Bearer ${token}`);
  expect(reviews.asked).toEqual(['TokenReview good', 'SubjectAccessReview user-good', 'TokenReview bad']);
  reviews.now = 10_001;
  for (const token of ['good', 'bad']) await reviews.ask(`Bearer ${token}`);
  expect(reviews.asked).toHaveLength(4);
  reviews.now = 60_001;
  await reviews.ask('Bearer good');
  expect(reviews.asked).toHaveLength(6);
});

test('one review serves all who ask with one token; more than four tokens at once are refused', async () => {
  const reviews = new Reviews();
  const same = await Promise.all([1, 2, 3, 4, 5, 6].map(() => reviews.ask('Bearer good')));
  expect(same).toEqual([200, 200, 200, 200, 200, 200]);
  expect(reviews.asked).toHaveLength(2);
  const others = await Promise.all([1, 2, 3, 4, 5, 6].map(number => reviews.ask(`Bearer ${number}`)));
  expect(others).toEqual([401, 401, 401, 401, 429, 429]);
});

test('without an answer nobody is served, and that is not kept', async () => {
  const reviews = new Reviews();
  reviews.answers = false;
  expect(await reviews.ask('Bearer good')).toBe(503);
  reviews.answers = true;
  expect(await reviews.ask('Bearer good')).toBe(200);
});

test('answers to invented tokens push out one another, at most a hundred are kept', async () => {
  const reviews = new Reviews();
  for (let number = 0; number < 300; number += 1) await reviews.ask(`Bearer ${number}`);
  const asked = reviews.asked.length;
  await reviews.ask('Bearer 299');
  expect(reviews.asked).toHaveLength(asked);
  await reviews.ask('Bearer 0');
  expect(reviews.asked).toHaveLength(asked + 1);
});
