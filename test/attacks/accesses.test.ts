import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type ClusterAccess, ClusterAccessResource, USERS_NAMESPACE } from '#api';
import { findCondition } from '#runtime';
import { RoleBindings, Roles } from '../../operators/engagement/rbac-kinds.ts';
import { Secrets } from '../../operators/engagement/secrets.ts';
import { accessSecretName } from '../../operators/rbac/account.ts';
import { core, get, paddock, patch, post, remove } from '../integration/agent-requests.ts';
import { anObject, dryRun, isAccepted, onPaddock, type Stored, WAYS } from '../integration/policy-hub.ts';
import { AccessFleet, user } from '../support/access-fleet.ts';
import { eventually } from '../support/eventually.ts';
import { base64 } from '../support/objects.ts';
import type { Person } from '../support/person.ts';
import { TokenUser } from '../support/token-user.ts';
import { answerTo, asAdmin, givePlain } from './guard.ts';
import { accessSays, answers, as, kubeconfigUser, userOf } from './kubeconfigs.ts';

const WITHIN = { timeoutMs: 30_000 };
const C = 'c-edge-1';
const HERE = { namespace: C };
const ACCESSES = paddock(C, 'clusteraccesses');
const NODES = get('/api/v1/nodes');

let fleet: AccessFleet;
/** Have made a kubeconfig each in the hub, or are about to; alice is in group dev. */
let alice: Person;
let bob: Person;
/** Owns edge-1. */
let cora: Person;

beforeAll(async () => {
  fleet = await AccessFleet.start();
  const rules = [{ apiGroups: [''], resources: ['nodes'], verbs: ['list'] }];
  await fleet.template('nodes', { context: 'Cluster', rules });
  await fleet.project('blue');
  await fleet.bind('nodes', 'nodes', [user('alice'), user('bob'), user('wanda')]);
  await fleet.bind('cora', 'cluster-owner', [user('cora')]);
  [alice, bob, cora] = [fleet.personInHub('alice', ['dev']), fleet.personInHub('bob'), fleet.personInHub('cora')];
  for (const person of [alice, bob, cora]) await fleet.until(true, person, 'create clusteraccesses.paddock.dev', C);
  isAccepted(await alice.send(ask('alices', 'alice')));
  await kubeconfigUser(fleet, 'alices');
}, 180_000);

afterAll(() => fleet?.stop());

const ask = (name: string, who: string, more: object = {}) =>
  post(ACCESSES, anObject('ClusterAccess', { name }, { user: who, ...more }));
const read = (name: string) => fleet.hub.get(ClusterAccessResource, { ...HERE, name });
const secretOf = ({ metadata }: ClusterAccess) => core(C, `secrets/${accessSecretName(metadata.uid ?? '')}`);

describe('the Secret with somebody’s kubeconfig', () => {
  const ROLES: readonly (readonly [role: string, project?: string])[] = [
    ['cluster-owner'],
    ['cluster-member'],
    ['cluster-read-only'],
    ['project-owner', 'blue'],
    ['project-member', 'blue'],
  ];

  // Tokens were readable by all who could read what was kept for a cluster, or for a project.
  test('CVE-2021-36782, CVE-2023-22647: everybody with a role in the cluster tries to read it', async () => {
    const path = secretOf(await read('alices'));
    const attempts = [
      get(path),
      get(core(C, 'secrets')),
      patch(path, {}),
      patch(`${path}?dryRun=All`, {}),
      remove(path),
    ];
    for (const [role, project] of ROLES) {
      const person = fleet.personInHub(`a-${role}`);
      await fleet.bind(person.name, role, [user(person.name)], project === undefined ? {} : { project });
      await fleet.until(true, person, 'create clusteraccesses.paddock.dev', C);
      const answered = await Promise.all(attempts.map(async request => (await person.send(request)).status));
      expect([role, ...answered]).toEqual([role, ...attempts.map(() => 403)]);
    }

    const rita = fleet.personInHub('rita');
    await givePlain(fleet.fleet.hub, 'rita', [{ apiGroups: [''], resources: ['secrets'], verbs: ['get'] }], C);
    await fleet.until(true, rita, 'get secrets', C);
    const { data } = JSON.parse((await rita.send(get(path))).body) as { data: { kubeconfig: string } };
    const holder = new TokenUser(fleet.fleet.edge(), userOf(data.kubeconfig).token);
    await answers(holder, as('alice', NODES), 200);
    await holder.close();
  });

  /** A Secret in the place of the one that an access is to have. */
  const forged = ({ metadata }: ClusterAccess, annotations: object) => {
    const name = accessSecretName(metadata.uid ?? '');
    const data = { kubeconfig: base64('{users: [{user: {token: forged, as: wanda}}]}') };
    return post(core(C, 'secrets'), { metadata: { name, annotations }, data });
  };
  /** An access that waits until `meanwhile` is done. */
  async function waiting(name: string, meanwhile: (access: ClusterAccess) => Promise<void>): Promise<void> {
    const access = anObject(
      'ClusterAccess',
      { name, annotations: { 'paddock.dev/paused': 'true' } },
      { user: 'wanda' },
    );
    await asAdmin(fleet.fleet.hub, post(ACCESSES, access));
    await meanwhile(await accessSays(fleet, name, 'Paused'));
    await fleet.hub.mergePatch(
      ClusterAccessResource,
      { ...HERE, name },
      { metadata: { annotations: { 'paddock.dev/paused': null } } },
    );
  }

  // A kubeconfig can have anything executed where it is used. Who may write Secrets in c-<cluster> puts one in its place.
  test('CVE-2021-36776: somebody writes it before Paddock does', async () => {
    const sid = fleet.personInHub('sid');
    await givePlain(fleet.fleet.hub, 'sid', [{ apiGroups: [''], resources: ['secrets'], verbs: ['create'] }], C);
    await fleet.until(true, sid, 'create secrets', C);
    await waiting('plain', async access => isAccepted(await sid.send(forged(access, {}))));
    expect((await accessSays(fleet, 'plain', 'Conflict')).status?.secretRef).toBeUndefined();

    const marks = ({ metadata }: ClusterAccess) => ({
      'paddock.dev/owner-uid': metadata.uid,
      'paddock.dev/expires-at': '2999-01-01T00:00:00Z',
    });
    await waiting('marked', async access => isAccepted(await sid.send(forged(access, marks(access)))));
    const { token } = await kubeconfigUser(fleet, 'marked');
    expect(token).not.toBe('forged');

    // nor is who knows what the token would be bound to believed
    await waiting('known', async access => {
      const key = { namespace: USERS_NAMESPACE, name: accessSecretName(access.metadata.uid ?? '') };
      const anchor = await eventually(() => fleet.downstream.find(Secrets, key), {
        ...WITHIN,
        what: 'it has an anchor',
      });
      const known = { ...marks(access), 'paddock.dev/anchor-uid': anchor.metadata?.uid };
      isAccepted(await sid.send(forged(access, known)));
    });
    expect((await kubeconfigUser(fleet, 'known')).token).not.toBe('forged');
  });
});

describe('who had an access', () => {
  // What somebody might do with a Secret outlived it, and counted for the next one of its name.
  test('CVE-2023-22647: may read and delete the next of its name, which is another’s', async () => {
    isAccepted(await alice.send(ask('mine', 'alice')));
    await kubeconfigUser(fleet, 'mine');
    isAccepted(await alice.send(remove(`${ACCESSES}/mine`)));
    await bobsIs('mine');

    await kubeconfigUser(fleet, 'mine');
    for (const request of [get(`${ACCESSES}/mine`), remove(`${ACCESSES}/mine`)])
      expect((await alice.send(request)).status).toBe(403);
    isAccepted(await bob.send(get(`${ACCESSES}/mine`)));
  });

  // The same, where an administrator took the finalizer off, which stood for what is still to be taken away.
  test('CVE-2023-22647: may do so by a role that was left behind', async () => {
    const [taken, kept] = ['taken', 'kept'];
    const uids = new Map<string, string>();
    for (const name of [taken, kept]) {
      isAccepted(await alice.send(ask(name, 'alice')));
      await kubeconfigUser(fleet, name);
      uids.set(name, (await read(name)).metadata.uid ?? '');
    }
    await fleet.whileDown(async () => {
      const key = { ...HERE, name: accessSecretName(uids.get(kept) ?? '') };
      const orphaned = { metadata: { ownerReferences: null } };
      await fleet.hub.mergePatch(Roles, key, orphaned);
      await fleet.hub.mergePatch(RoleBindings, key, orphaned);
      for (const name of [taken, kept]) {
        isAccepted(await alice.send(remove(`${ACCESSES}/${name}`)));
        await fleet.hub.mergePatch(ClusterAccessResource, { ...HERE, name }, { metadata: { finalizers: null } });
        await bobsIs(name);
      }
      await fleet.until(false, alice, `get clusteraccesses.paddock.dev ${taken}`, C);
      expect(await alice.may(`get clusteraccesses.paddock.dev ${kept}`, C)).toBe(true);
    });
  });

  const bobsIs = (name: string) =>
    eventually(async () => (await bob.send(ask(name, 'bob'))).status === 201, { ...WITHIN, what: `${name} is free` });
});

describe('what an access says', () => {
  const ONCE = ['status'];
  /** As an operator would say it of one that was never issued. */
  const anew = { observedGeneration: 0, conditions: [] };

  // Who can write what the operators go by has them do what was refused.
  test.each(WAYS)('CVE-2021-36784: an owner of the cluster writes its status by %s', async (_way, request) => {
    const path = `${ACCESSES}/alices`;
    const change = (at: string) => async () =>
      dryRun(request({ path: at, current: await asAdmin(fleet.fleet.hub, get(path)), at: ONCE, value: anew }));
    expect((await answerTo(cora, change(`${path}/status`))).status).toBe(403);
    const { body } = await answerTo(cora, change(path));
    expect((JSON.parse(body) as Stored).status).toMatchObject({ secretRef: {} });
  });

  test('CVE-2021-36784: who may write its status has a kubeconfig that ended issued again', async () => {
    const groups = { groups: ['dev'] };
    isAccepted(await alice.send(ask('over', 'alice', groups)));
    const { token } = await kubeconfigUser(fleet, 'over');
    await fleet.hub.delete(Secrets, { ...HERE, name: accessSecretName((await read('over')).metadata.uid ?? '') });
    await accessSays(fleet, 'over', 'CredentialsDeleted');
    // the operator may be about to write once more until then
    const isCalm = async () => !findCondition((await read('over')).status?.conditions, 'RevocationPending');
    await eventually(isCalm, { timeoutMs: 20_000, what: 'the cluster has confirmed it' });
    const request = patch(`${ACCESSES}/over/status`, { status: { conditions: [], expiresAt: null, secretRef: null } });
    for (const person of [alice, cora]) expect((await person.send(request)).status).toBe(403);

    await givePlain(fleet.fleet.hub, 'cora', [onPaddock(['clusteraccesses/status'], ['patch'])], C);
    await fleet.until(true, cora, 'patch clusteraccesses.paddock.dev/status', C);
    isAccepted(await cora.send(request));
    expect((await kubeconfigUser(fleet, 'over')).token).not.toBe(token);
  });
});
