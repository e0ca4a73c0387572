import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { KubeObject, ResourceType } from '#runtime';
import { installManifests } from '../../hack/dev/hub-objects.ts';
import { DOWNSTREAM_POLICIES } from '../../operators/cluster/policies/generated/downstream.ts';
import { isOfOurKinds } from '../../operators/engagement/hub-limits.ts';
import { ResourceQuotas } from '../../operators/engagement/policy-kinds.ts';
import { eventually } from '../support/eventually.ts';
import { Fleet } from '../support/fleet.ts';
import { type AuditEvent, AuditedSite, describeRequest, isList, isWrite } from './audit.ts';
import { type Picture, untilPicture } from './picture.ts';
import { Stage } from './stage.ts';

const COUNT = 1_000;
const REST_MS = 60_000;
const Quotas = ResourceQuotas as ResourceType<
  KubeObject & { readonly spec?: { readonly hard?: Record<string, string> } }
>;
/** Who the operators are in the downstream; in the hub each is its service account. */
const DOWNSTREAM_USER = 'paddock-operators';

let sites: AuditedSite[];
let fleet: Fleet;

beforeAll(async () => {
  sites = await Promise.all(['hub', 'edge-1'].map(name => AuditedSite.start(name)));
  const [hub, edge] = sites.map(({ site }) => site);
  if (!hub || !edge) throw new Error('two sites were started');
  await installManifests(hub.controlPlane);
  fleet = new Fleet(hub, [edge]);
  fleet.start(['cluster'], { elect: { identity: 'cluster-0' } });
  fleet.start(['project'], { elect: { identity: 'project-0' } });
  const kubeconfig = edge.controlPlane.kubeconfigFor({ user: DOWNSTREAM_USER, groups: ['system:masters'] });
  await fleet.importCluster(edge, { kubeconfig });
  await fleet.connected('edge-1');
}, 120_000);

afterAll(async () => {
  await fleet?.stop();
  for (const site of sites ?? []) site.forget();
});

const isOperator = ({ username }: AuditEvent['user']) =>
  username === DOWNSTREAM_USER || username.startsWith('system:serviceaccount:paddock-system:');

function requests(since: Date): AuditEvent[] {
  return sites.flatMap(site => site.requests(since, isOperator));
}

test('1,000 copies at rest for a minute cost no write and no list, only watches, leases, heartbeats and a look at policies', async () => {
  const stage = new Stage(fleet, 'rest');
  const started = new Date();
  await stage.createHome('a');
  await stage.createProject('a', { namespaceLimit: COUNT });
  for (let first = 1; first <= COUNT; first += 50)
    await Promise.all(Array.from({ length: 50 }, (_, index) => stage.createNamespace(first + index, 'a')));
  await stage.share('a', 'Secret', 'token', { value: '1' });
  const copies = { member: 'a', objects: ['Secret token=1 of a'] };
  const picture: Picture = {
    namespaces: Array.from({ length: COUNT }, () => copies),
    projects: { a: `ready: ${COUNT} copies of 1 objects` },
  };
  await untilPicture(stage, picture, { timeoutMs: 180_000 });
  expect(requests(started).filter(isWrite).length).toBeGreaterThanOrEqual(COUNT); // so the log is of the right users

  // two minutes after our kinds were installed they are counted in the hub's namespaces, once
  for (const namespace of ['c-edge-1', stage.home('a')])
    await eventually(
      async () => {
        const { spec } = await fleet.hub.client.get(Quotas, { namespace, name: 'paddock' });
        return Object.keys(spec?.hard ?? {}).some(isOfOurKinds);
      },
      { timeoutMs: 180_000, what: `objects of our kinds are counted in ${namespace}` },
    );

  const rest = new Date();
  await delay(REST_MS); // the rest itself is what is looked at
  const seen = requests(rest).filter(event => !isDryRun(event));

  expect(seen.filter(isWrite).map(describeRequest)).toEqual([]);
  expect(seen.filter(isList).map(describeRequest)).toEqual([]);
  // nothing watches the policies: the metadata of each is read by name, every 15 s
  const looks = seen.filter(isLookAtPolicies);
  expect(looks.length).toBeGreaterThan(0);
  expect(looks.length).toBeLessThanOrEqual((REST_MS / 15_000 + 1) * DOWNSTREAM_POLICIES.length);
  // a watch is opened again after 300 s at the earliest
  const others = seen.filter(event => !isHeartbeat(event) && event.objectRef?.resource !== 'leases');
  expect(others.filter(event => !isLookAtPolicies(event)).map(describeRequest)).toEqual([]);
}, 600_000);

/** Every 10 minutes each policy is proven by a dry run, which is no write: it stores nothing. */
const isDryRun = ({ requestURI }: AuditEvent) => requestURI.includes('dryRun=All');

function isLookAtPolicies({ verb, requestURI }: AuditEvent): boolean {
  return verb === 'get' && requestURI.startsWith('/apis/admissionregistration.k8s.io/v1/validatingadmissionpolic');
}

function isHeartbeat({ verb, requestURI }: AuditEvent): boolean {
  return verb === 'get' && requestURI === '/readyz';
}
