import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ANNOTATION_PAUSED, LABEL_OWNER, LABEL_PROJECT, ProjectResource, type ProjectSpec } from '#api';
import { NetworkPolicies, POLICY_NAME } from '../../operators/engagement/policy-kinds.ts';
import { patch, post } from '../integration/agent-requests.ts';
import { NAMESPACES } from '../integration/policy-hub.ts';
import { AccessFleet, type Binding, user } from '../support/access-fleet.ts';
import type { Person } from '../support/person.ts';
import { Quotas } from '../support/quotas.ts';
import { policiesOnEdge } from './guard.ts';

const TIGHT = {
  resourceQuota: { hard: { pods: '100' }, namespaceDefault: { pods: '3' } },
  networkIsolation: { enabled: true },
} as const satisfies ProjectSpec;

let fleet: AccessFleet;
/** Owns tight, which limits its namespaces, and loose, which does not. */
let olga: Person;
let olgas: Binding;
/** Owns tight. */
let tess: Person;

beforeAll(async () => {
  fleet = await AccessFleet.start();
  await policiesOnEdge(fleet.fleet);
  [olga, tess] = [fleet.person('olga'), fleet.person('tess')];
  await fleet.project('tight', [], TIGHT);
  await fleet.project('loose');
  olgas = await fleet.bind('olga', 'project-owner', [user('olga')], { project: 'tight' });
  await fleet.bind('tess', 'project-owner', [user('tess')], { project: 'tight' });
  await fleet.bind('olga-loose', 'project-owner', [user('olga')], { project: 'loose' });
  await olgas.condition('Ready', 'True');
}, 120_000);

afterAll(() => fleet?.stop());

/** Nothing is done for project tight, as while its operator is away. */
async function pause(paused: 'true' | null): Promise<void> {
  const metadata = { annotations: { [ANNOTATION_PAUSED]: paused } };
  await fleet.hub.mergePatch(ProjectResource, { namespace: 'c-edge-1', name: 'tight' }, { metadata });
}

const creates = (name: string, project: string) =>
  olga.send(post(NAMESPACES, { metadata: { name, labels: { [LABEL_PROJECT]: project } } }));

/** The limits of project tight that are in force in the namespace. */
async function limitsOf(namespace: string): Promise<string[]> {
  const key = { namespace, name: POLICY_NAME };
  const isTights = (found: { readonly metadata?: { readonly labels?: Record<string, string> } } | undefined) =>
    found?.metadata?.labels?.[LABEL_OWNER] === 'project.tight';
  const [quota, isolation] = [
    await fleet.downstream.find(Quotas, key),
    await fleet.downstream.find(NetworkPolicies, key),
  ];
  return [
    ...(isTights(quota) ? [`${quota?.status?.hard?.pods} pods`] : []),
    ...(isTights(isolation) ? ['isolation'] : []),
  ];
}

test('nobody is given rights in a new namespace before its quota and isolation are in force', async () => {
  await pause('true');
  expect((await creates('tight-new', 'tight')).status).toBe(201);
  expect((await creates('loose-new', 'loose')).status).toBe(201);

  await fleet.until(true, olga, 'create pods', 'loose-new'); // so the other one was looked at, too
  const { message } = await olgas.condition('Ready', 'False', 'LimitsMissing');
  expect(message).toContain(
    'namespace tight-new of cluster edge-1 does not have the quota and isolation of Project tight',
  );
  expect(await olga.may('create pods', 'tight-new')).toBe(false);

  await pause(null);
  await fleet.until(true, olga, 'create pods', 'tight-new');
  expect(await limitsOf('tight-new')).toEqual(['3 pods', 'isolation']);
  await olgas.condition('Ready', 'True');
});

test('who gets rights in a namespace that moves gets them when the limits of its next project are in force', async () => {
  expect((await creates('moved', 'loose')).status).toBe(201);
  await fleet.until(true, olga, 'create pods', 'moved');
  await pause('true');

  const move = patch(`${NAMESPACES}/moved`, { metadata: { labels: { [LABEL_PROJECT]: 'tight' } } });
  expect((await olga.send(move)).status).toBe(200);

  await olgas.condition('Ready', 'False', 'LimitsMissing');
  expect(await tess.may('create pods', 'moved')).toBe(false);
  await pause(null);
  await fleet.until(true, tess, 'create pods', 'moved');
  expect(await limitsOf('moved')).toEqual(['3 pods', 'isolation']);
});

test('who is waited for can be revoked meanwhile', async () => {
  const omar = await fleet.bind('omar', 'project-owner', [user('omar')], { project: 'tight' });
  await omar.condition('Ready', 'True');
  await pause('true');
  expect((await creates('tight-newer', 'tight')).status).toBe(201);
  await omar.condition('Ready', 'False', 'LimitsMissing');

  await omar.delete();

  await omar.gone();
  await pause(null);
});
