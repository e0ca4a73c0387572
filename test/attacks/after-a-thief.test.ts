import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { findCondition } from '#runtime';
import { paddock, word } from '../integration/agent-requests.ts';
import { isAccepted, isRefused } from '../integration/policy-hub.ts';
import { AccessFleet, type Binding, user } from '../support/access-fleet.ts';
import { eventually } from '../support/eventually.ts';
import { SecretType } from '../support/fleet.ts';
import type { Person } from '../support/person.ts';
import { mintToken, TokenUser } from '../support/token-user.ts';

/** What the thief of an agent's credential has said, and who goes by it once the credential was revoked. */

const C = 'c-edge-1';
const CONDITION = {
  status: 'True',
  reason: 'Forged',
  message: 'x',
  lastTransitionTime: '2026-01-01T00:00:00Z',
} as const;
const ofReaders = paddock(C, 'roletemplatebindings/readers/status');

let fleet: AccessFleet;
let thief: TokenUser;
let readers: Binding;
let alice: Person;
beforeAll(async () => {
  fleet = await AccessFleet.start();
  const rules = [{ apiGroups: [''], resources: ['nodes'], verbs: ['list'] }];
  await fleet.template('nodes', { context: 'Cluster', rules });
  readers = await fleet.bind('readers', 'nodes', [user('alice')]);
  await readers.condition('Ready', 'True');
  alice = fleet.person('alice');
  const boundTo = await fleet.hub.get(SecretType, { namespace: C, name: 'agent-credential' });
  thief = new TokenUser(fleet.fleet.hub, await mintToken(fleet.fleet.hub, { namespace: C, account: 'agent', boundTo }));
}, 180_000);
afterAll(async () => {
  await thief?.close();
  await fleet?.stop();
});

test('what a thief says of a binding the next agent takes back', async () => {
  await fleet.whileDown(async () => {
    const said = { ...CONDITION, type: 'Applied', status: 'False', observedGeneration: 1 };
    isAccepted(await thief.send(word(ofReaders, { conditions: [said] })));
    const forged = { ...CONDITION, type: 'ForeignRulesSeen', observedGeneration: 1 };
    isAccepted(await thief.send(word(ofReaders, { conditions: [said, forged] })));
  });
  await eventually(
    async () => {
      const { conditions } = (await readers.read()).status ?? {};
      const isTold = findCondition(conditions, 'ForeignRulesSeen') !== undefined;
      return findCondition(conditions, 'Applied')?.reason === 'InForce' && !isTold;
    },
    { timeoutMs: 30_000, what: 'the binding says what the agent sees' },
  );
  await readers.condition('Ready', 'True', 'Bound');
});

test('a binding is not let go by what was said before it was deleted', async () => {
  const revoked = { ...CONDITION, type: 'Revoked' };
  for (const observedGeneration of [undefined, 1, 2, 999]) {
    const said = observedGeneration === undefined ? revoked : { ...revoked, observedGeneration };
    isRefused(await thief.send(word(ofReaders, { conditions: [said] })), /Revoked|no generation later than/);
  }
  isRefused(await thief.send(word(ofReaders, { conditions: [revoked] }, 'thief')), /only as paddock-agent-rbac/);

  await fleet.whileDown(async () => {
    await readers.delete();
  });
  await readers.gone();
  expect(await alice.may('list nodes')).toBe(false);
});
