import { describe, expect, test } from '@jest/globals';
import { ApiError, type Client, ConnectionError } from '#runtime';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { type Answer, answerOf, PROVEN_FOR_MS, Proofs } from './proofs.ts';
import { proofProblem } from './state.ts';

const refusal = (policy: string, binding = policy) =>
  `namespaces "policy-probe" is forbidden: ValidatingAdmissionPolicy '${policy}' with binding '${binding}' denied request: no`;
const error = (code: number, message: string, reason = '') => new ApiError(code, { code, message, reason }, 'POST /x');

describe('an answer to a probe of policy paddock-a', () => {
  test.each<readonly [what: string, error: ApiError, answer: Answer | 'neither']>([
    ['the refusal by it', error(422, refusal('paddock-a'), 'Invalid'), 'refused'],
    ['an object that is there', error(409, 'namespaces "x" already exists', 'AlreadyExists'), 'passed'],
    ['the refusal by another', error(422, refusal('paddock-b'), 'Invalid'), 'neither'],
    ['the refusal by one of a longer name', error(422, refusal('paddock-ab'), 'Invalid'), 'neither'],
    [
      'the refusal by another that names it',
      error(422, `${refusal('x')} ${refusal('paddock-a')}`, 'Invalid'),
      'neither',
    ],
    ['RBAC', error(403, 'namespaces is forbidden: User "x" cannot create', 'Forbidden'), 'neither'],
    ['a webhook', error(403, 'admission webhook "x" denied the request', 'Forbidden'), 'neither'],
    ['a server in trouble', error(500, 'etcdserver: request timed out'), 'neither'],
  ])('%s', (_what, given, expected) => {
    const answer = answerOf('paddock-a', given);
    expect(typeof answer === 'string' ? answer : 'neither').toBe(expected);
  });
});

/** Proofs of policies a and b on a server that answers as told. */
function proofsOf(answers: Record<string, () => { status: number; body: string }>, prepare = async () => undefined) {
  const asked: string[] = [];
  const transport = {
    request: async ({ path, headers }: { path: string; headers: Record<string, string> }) => {
      expect(headers['impersonate-user']).toBe('system:serviceaccount:paddock-system:policy-probe');
      expect(path).toMatch(/\?dryRun=All$/);
      const name = path.replace(/^\/|\?.*$/g, '');
      asked.push(name);
      return { headers: {}, ...(answers[name] ?? refuses(name))() };
    },
  };
  const clock = new FakeClock();
  const probe = (name: string) => ({ name, probe: { method: 'POST', path: `/${name}`, body: {}, rules: [] } });
  const signal = new AbortController().signal;
  const client = { transport } as unknown as Client; // of which Proofs use the transport alone
  const proofs = new Proofs({ cluster: { client, signal }, policies: ['a', 'b'].map(probe), prepare, clock });
  return { proofs, clock, asked };
}

const status = (code: number, message: string) => ({
  status: code,
  body: JSON.stringify({ kind: 'Status', code, message }),
});
const refuses = (name: string) => () => status(422, refusal(name));
const passes = () => ({ status: 201, body: '{}' });
const fails = () => status(403, 'is forbidden: User "x" cannot impersonate resource "serviceaccounts"');

/** Runs the proof to its end, however long it sleeps. */
async function run({ proofs, clock }: ReturnType<typeof proofsOf>, isNew = false): Promise<void> {
  let done = false;
  const proving = proofs.prove({ isNew }).finally(() => {
    done = true;
  });
  proving.catch(() => undefined);
  while (!done) {
    await new Promise(setImmediate);
    await clock.advance(100);
  }
  await proving;
}

describe('proofs', () => {
  test('are unknown at first, and enforced when each policy has refused its probe; tried again after 10 minutes', async () => {
    const given = proofsOf({});
    expect(given.proofs.state).toEqual({ kind: 'unknown' });

    await run(given);

    expect(given.proofs.state).toEqual({ kind: 'enforced' });
    expect(given.asked).toEqual(['a', 'b']);
    expect(given.proofs.isDue).toBe(false);
    await given.clock.advance(PROVEN_FOR_MS);
    expect(given.proofs.isDue).toBe(true);
  });

  test('a policy that is new is waited for', async () => {
    let tries = 0;
    const given = proofsOf({ a: () => (++tries < 5 ? passes() : refuses('a')()) });

    await run(given, true);

    expect(given.proofs.state).toEqual({ kind: 'enforced' });
    expect(given.asked.filter(name => name === 'b')).toHaveLength(1);
  });

  test('a probe that is let through to the end says which policy is not enforced', async () => {
    const given = proofsOf({ b: passes });

    await run(given, true);

    expect(given.proofs.state).toEqual({ kind: 'passed', policies: ['b'] });
    expect(given.proofs.isDue).toBe(false);
    await given.clock.advance(4_000);
    expect(given.proofs.isDue).toBe(true);
    expect(proofProblem(given.proofs.state, 'grant')).toMatchObject({
      reason: 'PoliciesNotInstalled',
      terminal: false,
      message: expect.stringContaining('does not enforce ValidatingAdmissionPolicy'),
    });
  });

  test('another error proves nothing: at first it is told, later what was known stays', async () => {
    const answers: Parameters<typeof proofsOf>[0] = { a: fails, b: fails };
    const given = proofsOf(answers);
    await run(given);
    expect(given.proofs.state.kind).toBe('unproven');
    const problem = proofProblem(given.proofs.state, 'grant it');
    expect(problem).toMatchObject({
      message: expect.stringMatching(/for a is answered: .*cannot impersonate.*: grant it; the dry run for b/),
    });

    for (const name of ['a', 'b']) delete answers[name];
    await run(given);
    expect(given.proofs.state).toEqual({ kind: 'enforced' });

    answers.a = fails;
    given.proofs.doubt();
    await run(given);
    expect(given.proofs.state).toEqual({ kind: 'enforced' });

    answers.a = passes;
    await run(given);
    expect(given.proofs.state).toEqual({ kind: 'passed', policies: ['a'] });
  });

  test('an account that can’t be made is told, and no probe is sent', async () => {
    const given = proofsOf({}, async () => {
      throw error(403, 'serviceaccounts "policy-probe" is forbidden', 'Forbidden');
    });
    await run(given);
    expect(given.proofs.state.kind).toBe('unproven');
    expect(given.asked).toEqual([]);
  });

  test('a server that does not answer leaves all as it was', async () => {
    const given = proofsOf({}, async () => {
      throw new ConnectionError('no answer');
    });
    await expect(run(given)).rejects.toThrow('no answer');
    expect(given.proofs.state).toEqual({ kind: 'unknown' });
  });
});
