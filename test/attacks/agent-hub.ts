import { type ClusterAccess, ClusterAccessResource, clusterNamespace, ProjectResource } from '#api';
import { type Condition, findCondition, microTimestamp, Namespaces } from '#runtime';
import { asAgent, core, get, leases, OTHER, OWN, paddock, patch, post } from '../integration/agent-requests.ts';
import { aBinding, bindingsIn, isAccepted } from '../integration/policy-hub.ts';
import { createAgentCluster, manifestOf } from '../support/agents.ts';
import { eventually } from '../support/eventually.ts';
import { type Fleet, type SecretObject, SecretType, startFleet } from '../support/fleet.ts';
import { base64 } from '../support/objects.ts';
import type { RunningOperators } from '../support/operators.ts';
import { mintToken, TokenUser } from '../support/token-user.ts';
import { asAdmin } from './guard.ts';

const WITHIN = { timeoutMs: 25_000 };
const READERS = ['alice', 'bob', 'carol'];

/**
 * A hub with clusters by agent remote-1 and remote-2, its operators, and nobody but the thief of remote-1's credential,
 * who does the agent's work as they like.
 */
export class AgentHub {
  readonly fleet: Fleet;
  readonly agent: TokenUser;
  #beating: NodeJS.Timeout | undefined;
  #rbac: RunningOperators;

  private constructor(fleet: Fleet, agent: TokenUser) {
    this.fleet = fleet;
    this.agent = agent;
    this.#rbac = fleet.start(['rbac']);
  }

  /** Does what is given while no rbac operator runs. */
  async whileDown(meanwhile: () => Promise<void>): Promise<void> {
    await this.#rbac.stop();
    await meanwhile();
    this.#rbac = this.fleet.start(['rbac']);
  }

  static async start(): Promise<AgentHub> {
    const fleet = await startFleet({ downstreams: 0 });
    fleet.start(['cluster']);
    for (const name of [OWN, OTHER]) await fill(fleet, name);
    const credential = await fleet.hub.client.get(SecretType, {
      namespace: clusterNamespace(OWN),
      name: 'agent-credential',
    });
    const token = await mintToken(fleet.hub, {
      namespace: clusterNamespace(OWN),
      account: 'agent',
      boundTo: credential,
    });
    const hub = new AgentHub(fleet, new TokenUser(fleet.hub, token));
    await hub.#hasRights();
    await hub.#connect();
    return hub;
  }

  async #hasRights(): Promise<void> {
    for (const path of [paddock(`c-${OWN}`, 'projects'), core(`p-${OWN}--payments`, 'secrets')])
      await eventually(async () => (await this.agent.send(get(path))).status === 200, {
        ...WITHIN,
        what: `the agent may GET ${path}`,
      });
  }

  /** Heartbeats, forged by who has the credential. */
  async #connect(): Promise<void> {
    const path = leases(`c-${OWN}`);
    const spec = () => ({ holderIdentity: 'thief', renewTime: microTimestamp(Date.now()) });
    // as of an agent that has seen its cluster refuse what the policies guard
    const annotations = {
      'paddock.dev/agent-version': 'v0.1.0',
      'paddock.dev/agent-replicas': '2',
      'paddock.dev/policies-proven': 'true',
    };
    const metadata = { name: 'heartbeat', annotations };
    isAccepted(await this.agent.send(post(asAgent(path), { metadata, spec: spec() })));
    this.#beating = setInterval(() => {
      this.agent.send(patch(asAgent(`${path}/heartbeat`), { spec: spec() })).catch(() => undefined);
    }, 2_000);
    await this.fleet.connected(OWN, 'True', 60_000);
  }

  async ask(name: string, user = 'alice', more: Partial<ClusterAccess['spec']> = {}): Promise<ClusterAccess> {
    const body = {
      apiVersion: 'paddock.dev/v1alpha1',
      kind: 'ClusterAccess',
      metadata: { name },
      spec: { user, ...more },
    } as const;
    return await this.fleet.hub.client.create(ClusterAccessResource, { namespace: `c-${OWN}` }, body);
  }

  async read(name: string): Promise<ClusterAccess> {
    return await this.fleet.hub.client.get(ClusterAccessResource, { namespace: `c-${OWN}`, name });
  }

  async says(name: string, reason: string): Promise<ClusterAccess> {
    let last: Condition | undefined;
    return await eventually(
      async () => {
        const access = await this.read(name);
        last = findCondition(access.status?.conditions, 'Ready');
        return last?.reason === reason ? access : undefined;
      },
      { ...WITHIN, what: `ClusterAccess ${name} says ${reason}` },
    );
  }

  async secret(name: string): Promise<SecretObject | undefined> {
    return await this.fleet.hub.client.find(SecretType, { namespace: `c-${OWN}`, name });
  }

  async close(): Promise<void> {
    clearInterval(this.#beating);
    await this.agent.close();
    await this.fleet.stop();
  }
}

/** A Cluster by agent with a project, and readers of it. */
async function fill(fleet: Fleet, cluster: string): Promise<void> {
  const { client } = fleet.hub;
  const endpoint = { url: `https://${cluster}.example:6443` };
  await createAgentCluster(fleet, cluster, { endpoint, heartbeat: { interval: '5s', timeout: '60s' } });
  await manifestOf(fleet, cluster);
  const [c, p] = [clusterNamespace(cluster), `p-${cluster}--payments`];
  const labels = { 'paddock.dev/cluster': cluster, 'paddock.dev/project-home': 'payments' };
  await client.create(Namespaces, {}, { metadata: { name: p, labels } });
  const type = { apiVersion: 'paddock.dev/v1alpha1', kind: 'Project' } as const;
  await client.create(ProjectResource, { namespace: c }, { ...type, metadata: { name: 'payments' }, spec: {} });
  await client.create(
    SecretType,
    { namespace: c },
    { metadata: { name: 'kubeconfig' }, data: { kubeconfig: base64('of an admin') } },
  );
  const subjects = READERS.map(name => ({ kind: 'User', name }));
  const binding = aBinding('cluster-read-only', { cluster: { name: cluster } }, { name: 'readers', subjects });
  await asAdmin(fleet.hub, post(bindingsIn(c), binding));
}
