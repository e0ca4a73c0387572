import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Client, Namespaces, Transport } from '#runtime';
import {
  FakeApiServer,
  ConfigMaps as FakeConfigMaps,
  Namespaces as FakeNamespaces,
} from '../../test/support/fake-api-server/index.ts';
import { AlreadyClaimedError, assertClaim, CLAIM, ConfigMaps, claim, readClaim, sameOwner } from './claim.ts';

const OURS = { hub: 'hub-uid', cluster: 'cluster-uid' };
const NEVER = new AbortController().signal;

let server: FakeApiServer;
let client: Client;

beforeAll(async () => {
  server = await FakeApiServer.start({ kinds: [FakeConfigMaps, FakeNamespaces] });
  const credentials = { resolve: async () => ({ server: server.url, tls: {}, headers: {} }) };
  client = new Client(new Transport({ credentials }), { fieldManager: 'test' });
  await client.create(Namespaces, {}, { metadata: { name: CLAIM.namespace } });
});

afterAll(async () => {
  await client?.transport.close();
  await server?.stop();
});

beforeEach(async () => {
  await client.delete(ConfigMaps, CLAIM);
});

describe('claiming', () => {
  test('an unclaimed cluster makes it ours', async () => {
    expect(await readClaim(client, NEVER)).toBeUndefined();

    await claim(client, OURS, 'edge-1', NEVER);

    expect(await readClaim(client, NEVER)).toEqual(OURS);
    expect((await client.get(ConfigMaps, CLAIM)).data).toEqual({ ...OURS, name: 'edge-1' });
  });

  test('twice is no error and no second write', async () => {
    await claim(client, OURS, 'edge-1', NEVER);
    const before = await client.get(ConfigMaps, CLAIM);

    await claim(client, OURS, 'edge-1', NEVER);

    expect(await client.get(ConfigMaps, CLAIM)).toEqual(before);
  });

  test('of two at once one wins, and the other learns who', async () => {
    const other = { hub: 'hub-uid', cluster: 'other-uid' };

    const results = await Promise.allSettled([
      claim(client, OURS, 'edge-1', NEVER),
      claim(client, other, 'edge-2', NEVER),
    ]);

    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const holder = await readClaim(client, NEVER);
    const failed = results.find(result => result.status === 'rejected');
    expect(failed?.reason).toBeInstanceOf(AlreadyClaimedError);
    expect(failed?.reason.message).toContain(`uid ${holder?.cluster}`);
  });
});

describe('a claim that is read', () => {
  const held = (hub: string, cluster: string) => ({ data: { hub, cluster, name: 'theirs' } });

  test('may be absent or ours', () => {
    expect(() => assertClaim(undefined, OURS)).not.toThrow();
    expect(() => assertClaim(held(OURS.hub, OURS.cluster), OURS)).not.toThrow();
  });

  test('of another Cluster of this hub is not ours', () => {
    expect(() => assertClaim(held(OURS.hub, 'x'), OURS)).toThrow(/belongs to Cluster theirs \(uid x\) of this hub/);
  });

  test('of another hub is not ours, and the message says which and what to do', () => {
    expect(() => assertClaim(held('other', OURS.cluster), OURS)).toThrow(
      /hub with kube-system uid other: remove it there, or delete ConfigMap paddock-system\/claim/,
    );
  });

  test('without data is nobody’s, and not ours', () => {
    expect(() => assertClaim({}, OURS)).toThrow(AlreadyClaimedError);
    expect(sameOwner(undefined, OURS)).toBe(false);
  });
});
