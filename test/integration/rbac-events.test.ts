import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type ClusterAccess, ClusterAccessResource } from '#api';
import { Events, findCondition, type KubeObject, type ResourceType } from '#runtime';
import { ClusterRoleBindings } from '../../operators/engagement/rbac-kinds.ts';
import { Secrets } from '../../operators/engagement/secrets.ts';
import { type ProxiedSite, proxied } from '../chaos/proxied.ts';
import { AccessFleet, user } from '../support/access-fleet.ts';
import { QUICK } from '../support/agent-fleet.ts';
import { eventually } from '../support/eventually.ts';
import type { Site } from '../support/fleet.ts';

interface EventObject extends KubeObject {
  readonly type?: string;
  readonly reason?: string;
  readonly note?: string;
  readonly reportingController?: string;
  readonly series?: object;
  readonly regarding?: { readonly kind?: string; readonly name?: string; readonly uid?: string };
}

const EventType: ResourceType<EventObject> = Events;
const HERE = { namespace: 'c-edge-1' };
const RULES = [{ verbs: ['list'], apiGroups: [''], resources: ['nodes'] }];

let fleet: AccessFleet;
let edge: ProxiedSite;
beforeAll(async () => {
  const throughProxy = async (site: Site) => {
    edge = await proxied(site);
    return edge.kubeconfig;
  };
  fleet = await AccessFleet.start(throughProxy, { heartbeat: QUICK });
  await fleet.template('nodes', { context: 'Cluster', rules: RULES });
}, 120_000);
afterAll(async () => {
  await edge?.proxy.stop();
  await fleet?.stop();
});

/** Waits until these events, and no others, regard the object; none of them is a series. */
async function told(kind: string, name: string, ...expected: readonly string[]): Promise<readonly EventObject[]> {
  const about = async () => {
    const { items } = await fleet.hub.list(EventType, HERE);
    return items.filter(({ regarding }) => regarding?.kind === kind && regarding.name === name);
  };
  const summary = (events: readonly EventObject[]) => events.map(({ type, reason }) => `${type} ${reason}`).sort();
  await eventually(async () => summary(await about()).length >= expected.length, {
    timeoutMs: 20_000,
    what: `${kind} ${name} has ${expected.length} events`,
  });
  const events = await about();
  expect(summary(events)).toEqual([...expected].sort());
  expect(events.filter(({ series }) => series)).toEqual([]);
  return events;
}

test('a binding that can’t be given is told why, once, and when it is in force after all', async () => {
  const binding = await fleet.bind('early', 'later', [user('anna')]);
  await binding.condition('Ready', 'False', 'RoleTemplateNotFound');
  const [event] = await told('RoleTemplateBinding', 'early', 'Warning RoleTemplateNotFound');
  expect(event).toMatchObject({
    note: expect.stringContaining('RoleTemplate "later" does not exist'),
    reportingController: 'paddock.dev/rbac',
    regarding: { uid: (await binding.read()).metadata.uid },
  });
  await fleet.whileDown(() => binding.annotate({ looked: 'at' }));

  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' };
  await fleet.downstream.create(ClusterRoleBindings, {}, { metadata: { name: 'paddock:later' }, roleRef });
  await fleet.template('later', { context: 'Cluster', rules: RULES });
  await binding.condition('Ready', 'False', 'Conflict');
  await fleet.downstream.delete(ClusterRoleBindings, { name: 'paddock:later' });
  await binding.condition('Ready', 'True');

  const all = ['Warning RoleTemplateNotFound', 'Warning Conflict', 'Normal Bound'];
  await told('RoleTemplateBinding', 'early', ...all);
  await binding.delete();
  await binding.gone();
  await told('RoleTemplateBinding', 'early', ...all);
}, 60_000);

test('a binding that is given and taken away is told nothing; one whose cluster is away, what is waited for', async () => {
  const usual = await fleet.bind('usual', 'nodes', [user('cora')]);
  const narrowed = await fleet.bind('narrowed', 'nodes', [user('cora'), user('dora')]);
  const deleted = await fleet.bind('deleted', 'nodes', [user('emil')]);
  for (const binding of [usual, narrowed, deleted]) await binding.condition('Ready', 'True');
  edge.proxy.freeze();
  await fleet.connected('Unknown');

  await narrowed.subjects(user('cora'));
  await deleted.delete();
  for (const binding of [narrowed, deleted]) await binding.condition('RevocationPending', 'True');
  edge.proxy.thaw();

  await deleted.gone();
  await narrowed.condition('Ready', 'True');
  const pending = ['Warning RevocationPending', 'Normal Revoked'];
  await told('RoleTemplateBinding', 'deleted', ...pending);
  const [event] = await told('RoleTemplateBinding', 'narrowed', ...pending);
  expect(event?.note).toContain('role nodes');
  await usual.delete();
  await usual.gone();
  await told('RoleTemplateBinding', 'usual');
}, 90_000);

test('a ClusterAccess is told that it waits, is issued and is over, and no event holds a token', async () => {
  await fleet.access('mine', { user: 'fay' });
  await ready('mine', 'NotBound');
  await fleet.bind('fay', 'nodes', [user('fay')]);
  const { status } = await ready('mine', 'Issued');
  const secret = await fleet.hub.get(Secrets, { ...HERE, name: status?.secretRef?.name ?? '' });
  const token = /token: (\S+)/.exec(Buffer.from(secret.data?.kubeconfig ?? '', 'base64').toString())?.[1];
  const past = { status: { expiresAt: new Date(Date.now() - 1_000).toISOString() } };
  await fleet.whileDown(async () => {
    await fleet.hub.mergePatch(ClusterAccessResource, { ...HERE, name: 'mine' }, past, { subresource: 'status' });
  });
  await ready('mine', 'Expired');

  await told('ClusterAccess', 'mine', 'Warning NotBound', 'Normal Issued', 'Normal Expired');
  expect(token).toMatch(/^ey.{100}/);
  expect(JSON.stringify((await fleet.hub.list(EventType, HERE)).items)).not.toContain(token?.slice(0, 40));
}, 60_000);

async function ready(name: string, reason: string): Promise<ClusterAccess> {
  return await eventually(
    async () => {
      const access = await fleet.hub.get(ClusterAccessResource, { ...HERE, name });
      return findCondition(access.status?.conditions, 'Ready')?.reason === reason ? access : undefined;
    },
    { timeoutMs: 30_000, what: `ClusterAccess ${name} says ${reason}` },
  );
}
