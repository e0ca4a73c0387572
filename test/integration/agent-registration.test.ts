import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { clusterNamespace } from '#api';
import { type Clock, findCondition, systemClock } from '#runtime';
import { CREDENTIAL } from '../../operators/agent/credential.ts';
import { claimsOf } from '../../operators/engagement/token.ts';
import { newAuthority } from '../../runtime/certificates.ts';
import {
  applyRegistration,
  endingAt,
  presentRegistration,
  type RegistrationValues,
  storedToken,
  storeUnclaimed,
  valuesOf,
} from '../support/agent-registrations.ts';
import { applyManifest, type RunningAgent } from '../support/agents.ts';
import { eventually } from '../support/eventually.ts';
import { type Fleet, SecretType, startFleet } from '../support/fleet.ts';
import type { RunningOperators } from '../support/operators.ts';
import { RecordingServer } from '../support/recording-server.ts';
import { mintToken } from '../support/token-user.ts';
import { ClusterFixture } from './cluster-fixture.ts';
import { LeaseType, RegistrationFixture } from './registration-fixture.ts';

let fleet: Fleet;
let clusters: ClusterFixture;
let given: RegistrationFixture;
let operator: RunningOperators;
/** What the first manifests of the Clusters say. */
let one: RegistrationValues;
let two: RegistrationValues;

beforeAll(async () => {
  fleet = await startFleet({ downstreams: 2 });
  clusters = new ClusterFixture(fleet.hub);
  given = new RegistrationFixture(fleet);
  operator = fleet.start(['cluster']);
  const [manifest, other] = await Promise.all(['one', 'two'].map(name => given.join(name)));
  for (const edge of [1, 2]) await applyManifest(fleet.edge(edge), manifest ?? '');
  one = valuesOf(manifest ?? '');
  two = valuesOf(other ?? '');
}, 120_000);

afterAll(async () => {
  await given?.stop();
  await fleet?.stop();
});

describe('a server that is not the hub', () => {
  test.each([
    ['of another CA', 'another-ca'],
    ['of a CA of the same name', 'kubernetes-ca'],
  ])('%s is sent nothing', async (_what, authority) => {
    const server = await RecordingServer.start({ authority });
    try {
      const { message } = await given.failure(2, { ...one, server: server.url });

      expect(message).toContain(`the hub at ${server.url} does not show a certificate of the manifest's CA`);
      expect(message).toContain('no credential was sent: check server and ca.crt');
      expect(server.connections).toBeGreaterThan(0);
      expect(server.requests).toEqual([]);
    } finally {
      await server.stop();
    }
  });

  test('without TLS is not even connected to', async () => {
    const server = await RecordingServer.start();
    try {
      expect((await given.failure(2, { ...one, server: server.url })).message).toContain('must be an https URL');
      expect(server.connections).toBe(0);
    } finally {
      await server.stop();
    }
  });

  test('is what the hub is to a manifest with another CA', async () => {
    const { message } = await given.failure(2, { ...one, 'ca.crt': newAuthority('kubernetes-ca').certPem });

    expect(message).toContain('no credential was sent');
    expect(await storedToken(fleet.edge(2))).toBeUndefined();
  });

  test.each([
    ['', 'has no key ca.crt'],
    ['no certificate', 'holds no PEM certificate'],
  ])('can not be told apart without a CA: "%s"', async (ca, why) =>
    expect((await given.failure(2, { ...one, 'ca.crt': ca })).message).toContain(why),
  );
});

describe('a token that is not good', () => {
  test('because it has expired is refused', async () => {
    const now = Math.floor(Date.now() / 1000);
    const token = two.token ?? '';
    expect(await given.isKnown(endingAt(fleet.hub, token, now + 3_600))).toBe(true);

    const { message } = await given.failure(2, { ...two, token: endingAt(fleet.hub, token, now - 60) });

    expect(message).toContain(
      'the hub refuses the registration (401): its token is used, expired or of another cluster',
    );
    expect(message).toContain('delete Secret registration in namespace c-two of the hub and apply the agent.yaml');
    expect(message).not.toContain(token.slice(0, 20));
  });

  test('because it is of another cluster is refused', async () => {
    const { message } = await given.failure(2, { ...one, token: two.token ?? '' });

    expect(message).toContain('the hub refuses the registration (403)');
    expect(message).toContain('c-one');
  });

  test('because its manifest was withdrawn is refused', async () => {
    const before = two;
    two = await given.renewed('two', before);
    await given.dies(before.token);

    expect((await given.failure(2, before)).message).toContain('the hub refuses the registration (401)');
    expect(await given.isKnown(two.token)).toBe(true);
  });
});

describe('an agent', () => {
  let agent: RunningAgent;

  test('takes the CA with whatever line ends and blanks it has got on its way', async () => {
    const ca = one['ca.crt'] ?? '';
    await presentRegistration(fleet.edge(1), { ...one, 'ca.crt': `\r\n${ca.replaceAll('\n', ' \r\n\r\n')}\r\n` });

    agent = given.start(1);

    await fleet.connected('one');
    await given.becomesSpent('one', 'Used');
  });

  test('registers once: a restart goes on with what it has', async () => {
    const before = await fleet.edge(1).client.get(SecretType, CREDENTIAL);
    await agent.stop();

    agent = given.start(1);

    await given.heartbeatAfter('one');
    const after = await fleet.edge(1).client.get(SecretType, CREDENTIAL);
    expect(after.metadata?.resourceVersion).toBe(before.metadata?.resourceVersion);
    expect(await given.uses('one')).toEqual([`registration-${one['token-id']}`]);
  });

  test('renews its token a day later, long before it ends', async () => {
    const before = await storedToken(fleet.edge(1));
    await agent.stop();
    const hurried: Clock = {
      ...systemClock,
      now: () => Date.now() + 25 * 3_600_000,
      sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 1_000), signal),
    };

    agent = given.start(1, { clock: hurried });

    await eventually(async () => (await storedToken(fleet.edge(1))) !== before, {
      timeoutMs: 30_000,
      what: 'the agent has another token',
    });
    expect(claimsOf((await storedToken(fleet.edge(1))) ?? '').lifetimeMs).toBe(168 * 3_600_000);
    await given.heartbeatAfter('one');
    expect(await given.uses('one')).toHaveLength(1);
  });

  test('whose registration is used leaves nothing to a second', async () => {
    await given.dies(one.token);

    expect((await given.failure(2, one)).message).toContain('the hub refuses the registration (401)');

    expect(await given.uses('one')).toEqual([`registration-${one['token-id']}`]);
    await given.becomesSpent('one', 'Used');
  });

  test('stays connected when a new manifest is asked for', async () => {
    const before = findCondition((await clusters.get('one')).status?.conditions, 'Connected');

    const next = await given.renewed('one', one);

    expect(next.token).not.toBe(one.token);
    await given.heartbeatAfter('one');
    const after = findCondition((await clusters.get('one')).status?.conditions, 'Connected');
    expect(after).toEqual(before);
    expect(after?.status).toBe('True');
    await agent.stop();
  });
});

describe('a registration that two clusters use', () => {
  let first: RunningAgent;

  test('is revoked for both', async () => {
    await operator.stop(); // until both have used it
    await presentRegistration(fleet.edge(2), two);
    first = given.start(2);
    await eventually(async () => (await given.uses('two')).length > 0, { timeoutMs: 30_000, what: 'the first use' });

    const { message } = await given.failure(1, two);
    operator = fleet.start(['cluster']);

    expect(message).toContain('was used by another cluster already: both uses are revoked');
    await given.becomesSpent('two', 'Reused');
    const stalled = await clusters.becomes('two', 'Stalled', { status: 'True', reason: 'RegistrationReused' });
    expect(stalled.message).toContain('delete Secret c-two/registration');
    await clusters.hasEvent('two', 'RegistrationReused');
    const tokens = await Promise.all([1, 2].map(edge => storedToken(fleet.edge(edge))));
    for (const token of [...tokens, two.token]) await given.dies(token);
  }, 90_000);

  test('is done with when a new manifest is applied, to the agent that runs', async () => {
    two = await given.renewed('two', two);

    await applyRegistration(fleet.edge(2), two);

    await given.becomesSpent('two', 'Used');
    await clusters.becomes('two', 'Ready', { status: 'True' }, 60_000);
    expect(await clusters.condition('two', 'Stalled')).toBeUndefined();
    await first.stop();
  }, 120_000);

  test('is revoked too when the second tells of it after the first was dealt with', async () => {
    const three = valuesOf(await given.join('three'));
    const namespace = clusterNamespace('three');
    const credential = async () => await fleet.hub.client.find(SecretType, { namespace, name: 'agent-credential' });
    const boundTo = (await credential()) ?? {};
    const token = await mintToken(fleet.hub, { namespace, account: 'agent', boundTo });
    const firstUse = { metadata: usedBy(three), spec: { holderIdentity: 'the-first' } };
    await fleet.hub.client.create(LeaseType, { namespace }, firstUse);
    await given.becomesSpent('three', 'Used');
    await presentRegistration(fleet.edge(1), three);
    await storeUnclaimed(fleet.edge(1), three, token);

    const { message } = await given.end(1);

    expect(message).toContain('was used by another cluster already');
    await given.becomesSpent('three', 'Reused');
    await clusters.becomes('three', 'Stalled', { reason: 'RegistrationReused' });
    await eventually(async () => (await credential())?.metadata?.uid !== boundTo.metadata?.uid, {
      timeoutMs: 30_000,
      what: 'what tokens of the agent are bound to is gone',
    });
  });
});

/** The metadata of the Lease by which an agent tells that it has used this registration. */
function usedBy({ 'token-id': id = '' }: RegistrationValues) {
  return { name: `registration-${id}`, labels: { 'paddock.dev/registration': id } };
}

test('one registration is enough for two replicas that start at once', async () => {
  two = await given.renewed('two', two);
  await presentRegistration(fleet.edge(2), two);

  const replicas = ['a', 'b'].map(identity => given.start(2, { identity }));

  await given.becomesSpent('two', 'Used');
  await given.heartbeatAfter('two');
  for (const agent of replicas) await agent.stop(); // neither has ended by itself
  await given.becomesSpent('two', 'Used');
});

test('a manifest whose credential was revoked since is issued anew', async () => {
  const four = valuesOf(await given.join('four'));

  await fleet.hub.client.delete(SecretType, { namespace: clusterNamespace('four'), name: 'agent-credential' });

  const next = await given.another('four', four);

  expect(next['credential-uid']).not.toBe(four['credential-uid']);
});
