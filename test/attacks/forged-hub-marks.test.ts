import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ANNOTATION_OWNER_UID, ClusterResource, LABEL_CLUSTER, LABEL_PROJECT_HOME } from '#api';
import { apply, get, patch, post } from '../integration/agent-requests.ts';
import { aBinding, bindingsIn, dryRun, isRefused, NAMESPACES, PUT, WAYS } from '../integration/policy-hub.ts';
import { eventually } from '../support/eventually.ts';
import type { Person } from '../support/person.ts';
import { answerTo, asAdmin, enforced, isGuarded } from './guard.ts';
import { C, PeopledHub } from './peopled-hub.ts';

const WITHIN = { timeoutMs: 30_000 };
const DERIVED = `${bindingsIn(C)}/global.audit`;
const NAMESPACE_GUARD = ['paddock-namespaces'];

let hub: PeopledHub;
/** Owns edge-1. */
let cora: Person;
/** Writes namespaces on every path, and has nothing of Paddock's. */
let nell: Person;
/** Reads edge-1 by a binding of all clusters. */
let ann: Person;

beforeAll(async () => {
  hub = await PeopledHub.start();
  const { policies, site } = hub;
  [nell, ann] = [policies.person('nell'), policies.person('ann')];
  cora = await hub.bound(policies.person('cora'), 'cluster-owner', 'create plans.paddock.dev');
  const resources = ['namespaces', 'namespaces/status', 'namespaces/finalize'];
  await policies.grant(nell, [{ apiGroups: [''], resources, verbs: ['*'] }]);
  await policies.namespace('nells');
  await site.client.mergePatch(ClusterResource, { name: 'edge-1' }, { metadata: { labels: { audited: 'yes' } } });
  const scope = { global: { clusterSelector: { matchLabels: { audited: 'yes' } } } };
  const audit = aBinding('cluster-read-only', scope, { name: 'audit', subjects: [{ kind: 'User', name: 'ann' }] });
  await policies.make(post(bindingsIn('paddock-system'), audit));
  await hub.until(true, ann, 'list plans.paddock.dev', C);
  await enforced({ who: nell, request: post(NAMESPACES, { metadata: { name: 'c-probe' } }) });
  await enforced({
    who: cora,
    request: patch(DERIVED, { metadata: { annotations: { [ANNOTATION_OWNER_UID]: null } } }),
  });
}, 180_000);

afterAll(() => hub?.stop());

describe('a namespace that says it is Paddock’s own', () => {
  describe.each(['', '/status', '/finalize'])('by namespaces%s', path => {
    const ways = path === '/finalize' ? [PUT] : WAYS;
    const labels = [LABEL_CLUSTER, LABEL_PROJECT_HOME].flatMap(label => ways.map(way => [label, ...way] as const));
    test.each(labels)('with %s, by %s', async (label, _way, request) => {
      const current = await hub.policies.read(`${NAMESPACES}/nells`);
      const change = {
        path: `${NAMESPACES}/nells${path}`,
        current,
        at: ['metadata', 'labels', label],
        value: 'edge-1',
      };
      isRefused(await nell.send(request(change)), /are Paddock's/);
    });
  });

  test.each([
    ['a cluster’s', { name: 'c-later', labels: { [LABEL_CLUSTER]: 'later' } }],
    ['a project’s', { name: 'p-edge-1--later', labels: { [LABEL_CLUSTER]: 'edge-1', [LABEL_PROJECT_HOME]: 'later' } }],
  ])('is made as %s before it is needed', async (_what, metadata) => {
    const body = { apiVersion: 'v1', kind: 'Namespace', metadata };
    await isGuarded(hub.site, { who: nell, request: post(NAMESPACES, body), guards: NAMESPACE_GUARD });
    isRefused(await nell.send(apply(`${NAMESPACES}/${metadata.name}`, body)), /are Paddock's/);
  });
});

describe('a binding that says what it is derived from', () => {
  const GUARD = ['paddock-derived-bindings'];
  const withoutOwner = (subjects: object[]) =>
    patch(DERIVED, { metadata: { annotations: { [ANNOTATION_OWNER_UID]: null } }, spec: { subjects } });

  test.each(WAYS)('is given another origin by %s', async (_way, request) => {
    const change = (at: readonly string[], value: string) => async () =>
      dryRun(request({ path: DERIVED, current: await hub.policies.read(DERIVED), at, value }));
    const origin = ['metadata', 'annotations', ANNOTATION_OWNER_UID];
    isRefused(await answerTo(cora, change(origin, 'another')), /metadata\.name "global\.audit": Paddock derives/);
    isRefused(await answerTo(cora, change(['metadata', 'labels', 'team'], 'x')), /Paddock alone/);
  });

  test('is made with the origin of another, for another role', async () => {
    const { metadata } = await hub.policies.read(DERIVED);
    const { labels, annotations } = metadata;
    const forged = aBinding('cluster-member', { cluster: { name: 'edge-1' } }, { name: 'forged' });
    const body = { ...forged, metadata: { name: 'forged', labels, annotations } };
    await isGuarded(hub.site, { who: cora, request: post(bindingsIn(C), body), guards: GUARD });
    isRefused(await cora.send(apply(`${bindingsIn(C)}/forged`, body)), /owner-uid\]/);
  });

  test('loses it, and with it those who read every cluster', async () => {
    const { annotations } = (await hub.policies.read(DERIVED)).metadata;
    const request = withoutOwner([{ kind: 'User', name: 'cora' }]);
    await isGuarded(hub.site, { who: cora, request, guards: GUARD }, async () => {
      await hub.until(false, ann, 'list plans.paddock.dev', C);
      const conflict = async () => {
        const { status } = await asAdmin(hub.site, get(`${bindingsIn('paddock-system')}/audit`));
        return JSON.stringify(status).includes('Conflict');
      };
      await eventually(conflict, { ...WITHIN, what: 'the global binding says so' });
      expect(await ann.may('list plans.paddock.dev', C)).toBe(false);
      await asAdmin(hub.site, patch(DERIVED, { metadata: { annotations } }));
      await hub.until(true, ann, 'list plans.paddock.dev', C);
    });
  });

  test('has another who is named, and is put right', async () => {
    const request = patch(DERIVED, { spec: { subjects: [{ kind: 'User', name: 'cora' }] } });
    await isGuarded(hub.site, { who: cora, request, guards: GUARD }, async () => {
      const restored = async () => JSON.stringify((await hub.policies.read(DERIVED)).spec).includes('"ann"');
      await eventually(restored, { ...WITHIN, what: 'the derived binding names who the global one names' });
      await hub.until(true, ann, 'list plans.paddock.dev', C);
    });
  });
});
