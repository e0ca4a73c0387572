import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ClusterAccessResource } from '#api';
import { PolicyBindings } from '../../operators/cluster/policies/kinds.ts';
import { core, get, named, PADDOCK, post } from '../integration/agent-requests.ts';
import { editedKubeconfig } from '../integration/cluster-fixture.ts';
import { NAMESPACES, RBAC } from '../integration/policy-hub.ts';
import { AccessFleet, user } from '../support/access-fleet.ts';
import { BY_AGENT } from '../support/agents.ts';
import { eventually } from '../support/eventually.ts';
import type { Site } from '../support/fleet.ts';
import { type OperatorProcess, OperatorProcesses } from '../support/operator-process.ts';
import { TunnelProxy } from '../support/tunnel-proxy.ts';
import { adminOf, asAdmin, enforced } from './guard.ts';
import { accessSays, kubeconfigText, kubeconfigUser } from './kubeconfigs.ts';

const WITHIN = { timeoutMs: 30_000 };
const ADMISSION = '/apis/admissionregistration.k8s.io/v1';
/** Any token of a service account, as it is or within a kubeconfig in a Secret. */
const TOKEN = /eyJ[\w-]{20,}\.[\w-]{20,}/;
const PROXY_PASSWORD = 'swordfish';
const PROXY_LOGIN = `paddock:${PROXY_PASSWORD}`;
const ENCODED = /kubeconfig\W{1,9}\w{100,}/;

let fleet: AccessFleet;
let processes: OperatorProcesses;
let proxy: TunnelProxy;
beforeAll(async () => {
  processes = await OperatorProcesses.prepare();
  proxy = await TunnelProxy.start({ kind: 'http', login: PROXY_LOGIN });
  fleet = await AccessFleet.start(throughProxy);
  const rules = [{ apiGroups: [''], resources: ['nodes'], verbs: ['list'] }];
  await fleet.template('nodes', { context: 'Cluster', rules });
  await fleet.bind('nodes', 'nodes', [user('alice')]);
  await refusing();
}, 180_000);
afterAll(async () => {
  await processes?.stop();
  await fleet?.stop();
  await proxy?.stop();
});

/** The hub reaches edge-1 through a proxy that asks for a password; an agent needs none. */
async function throughProxy({ controlPlane }: Site): Promise<string> {
  return editedKubeconfig(controlPlane.adminKubeconfig, { cluster: { 'proxy-url': proxy.url() } });
}

/** The hub refuses the Secrets of accesses, so that an operator that makes one has something to complain about. */
async function refusing(): Promise<void> {
  const rule = { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['secrets'] };
  const spec = {
    failurePolicy: 'Fail',
    matchConstraints: { resourceRules: [rule] },
    validations: [{ expression: "!object.metadata.name.startsWith('access-')", message: 'refused by a test' }],
  };
  const { hub } = fleet.fleet;
  const metadata = { name: 'refuse-accesses' };
  await asAdmin(hub, post(`${ADMISSION}/validatingadmissionpolicies`, { metadata, spec }));
  const binding = { metadata, spec: { policyName: metadata.name, validationActions: ['Deny'] } };
  await asAdmin(hub, post(`${ADMISSION}/validatingadmissionpolicybindings`, binding));
  await enforced({ who: adminOf(hub), request: post(core('c-edge-1', 'secrets'), named('access-tried')) });
}

/** What people can read who have nothing to do with Secrets. */
async function told(site: Site, kinds: readonly string[]): Promise<string> {
  return JSON.stringify(await Promise.all(kinds.map(kind => asAdmin(site, get(kind)))));
}
const EVERYWHERE = ['/apis/events.k8s.io/v1/events', '/api/v1/serviceaccounts', `${RBAC}/clusterroles`, NAMESPACES];
const OURS = ['clusters', 'projects', 'roletemplates', 'roletemplatebindings', 'clusteraccesses'];

// Tokens and kubeconfigs stood in logs, and in what was told of failures.
test('CVE-2023-22649, CVE-2026-88811: somebody reads logs, events and statuses, of failures too', async () => {
  await fleet.whileDown(async () => {
    const operator = processes.start({ operators: ['rbac'], kubeconfig: fleet.fleet.operatorKubeconfig('rbac') });
    await fleet.access('alices', { user: 'alice' });
    await logs(operator, 'refused by a test');
    await fleet.hub.delete(PolicyBindings, { name: 'refuse-accesses' });
    const { token } = await kubeconfigUser(fleet, 'alices');
    const given = await kubeconfigText(fleet, 'alices');
    expect(given).not.toContain(PROXY_PASSWORD);
    if (!BY_AGENT) expect(given).toContain(`proxy-url: http://127.0.0.1:${proxy.port}`);
    expect(token).toMatch(TOKEN);
    await fleet.hub.delete(ClusterAccessResource, { namespace: 'c-edge-1', name: 'alices' });
    await eventually(
      async () => !(await fleet.hub.find(ClusterAccessResource, { namespace: 'c-edge-1', name: 'alices' })),
      {
        ...WITHIN,
        what: 'the access is gone',
      },
    );
    await fleet.access('again', { user: 'alice' });
    await accessSays(fleet, 'again', 'Issued');

    const inHub = await told(fleet.fleet.hub, [...EVERYWHERE, ...OURS.map(kind => `${PADDOCK}/${kind}`)]);
    const here = await told(fleet.fleet.edge(), EVERYWHERE);
    for (const text of [operator.log(), inHub, here]) {
      expect(text).not.toMatch(TOKEN);
      expect(text).not.toMatch(ENCODED);
      expect(text).not.toContain(PROXY_PASSWORD);
    }
    // what is looked for is there to be found
    expect(await told(fleet.fleet.hub, [core('c-edge-1', 'secrets')])).toMatch(ENCODED);
    await operator.stop();
  });
});

async function logs(operator: OperatorProcess, text: string): Promise<void> {
  await eventually(() => operator.log().includes(text), { ...WITHIN, what: `the operator logs "${text}"` });
}
