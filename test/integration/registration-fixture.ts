import { clusterNamespace } from '#api';
import { type KubeObject, Leases, type ResourceType } from '#runtime';
import { RegistrationError } from '../../operators/agent/manifest-secret.ts';
import { presentRegistration, type RegistrationValues, valuesOf } from '../support/agent-registrations.ts';
import {
  createAgentCluster,
  manifestOf,
  type RunningAgent,
  type StartAgentOptions,
  startAgent,
} from '../support/agents.ts';
import { eventually } from '../support/eventually.ts';
import { type Fleet, type SecretObject, SecretType } from '../support/fleet.ts';
import { TokenUser } from '../support/token-user.ts';

interface LeaseObject extends KubeObject {
  readonly spec?: { readonly holderIdentity?: string; readonly renewTime?: string };
}
export const LeaseType: ResourceType<LeaseObject> = Leases;

const WITHIN_MS = 30_000;
const heartbeat = { interval: '2s', timeout: '30s' };

/** Registrations of one fleet's Clusters by agent, and the agents that use them. */
export class RegistrationFixture {
  readonly #fleet: Fleet;
  readonly #agents: RunningAgent[] = [];

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
  }

  /** A Cluster by agent; its first manifest. */
  async join(name: string): Promise<string> {
    await createAgentCluster(this.#fleet, name, { heartbeat });
    return await manifestOf(this.#fleet, name);
  }

  /** Starts the agent of a downstream; stopped with the fixture at the latest. */
  start(edge: number, options: StartAgentOptions = {}): RunningAgent {
    const agent = startAgent(this.#fleet.edge(edge), options);
    this.#agents.push(agent);
    return agent;
  }

  /** What an agent ends with to which this manifest was applied. */
  async failure(edge: number, values: RegistrationValues): Promise<RegistrationError> {
    await presentRegistration(this.#fleet.edge(edge), values);
    return await this.end(edge);
  }

  /** What the agent of a downstream ends with. */
  async end(edge: number): Promise<RegistrationError> {
    const reason = await this.start(edge).ended.catch(error => error);
    if (reason instanceof RegistrationError) return reason;
    throw new Error('the agent did not end with a RegistrationError', { cause: reason });
  }

  /** The Secret `registration` of a Cluster. */
  async secret(cluster: string): Promise<SecretObject | undefined> {
    const key = { namespace: clusterNamespace(cluster), name: 'registration' };
    return await this.#fleet.hub.client.find(SecretType, key);
  }

  async becomesSpent(cluster: string, why: 'Used' | 'Reused'): Promise<void> {
    const spent = async () => (await this.secret(cluster))?.metadata?.annotations?.['paddock.dev/spent'];
    await eventually(async () => (await spent()) === why, {
      timeoutMs: WITHIN_MS,
      what: `the registration of ${cluster} is spent: ${why}`,
    });
  }

  /** A manifest with another token, once the Secret was deleted; what it says. */
  async renewed(cluster: string, before: RegistrationValues): Promise<RegistrationValues> {
    await this.#fleet.hub.client.delete(SecretType, { namespace: clusterNamespace(cluster), name: 'registration' });
    return await this.another(cluster, before);
  }

  /** What the manifest says that takes the place of this one. */
  async another(cluster: string, before: RegistrationValues): Promise<RegistrationValues> {
    return await eventually(
      async () => {
        const values = valuesOf(await manifestOf(this.#fleet, cluster));
        return values['token-id'] !== before['token-id'] ? values : undefined;
      },
      { timeoutMs: WITHIN_MS, what: `${cluster} has another manifest` },
    );
  }

  /** Whether the hub knows a token. */
  async isKnown(token: string | undefined): Promise<boolean> {
    const bearer = new TokenUser(this.#fleet.hub, token ?? '');
    const { status } = await bearer.send({ method: 'GET', path: '/version' }).finally(() => bearer.close());
    return status !== 401;
  }

  /** Waits until the hub knows a token no more, which takes it ten seconds. */
  async dies(token: string | undefined): Promise<void> {
    if (!token) throw new Error('there is no token that could die');
    await eventually(async () => !(await this.isKnown(token)), { timeoutMs: 60_000, what: 'the token is refused' });
  }

  /** Waits for a heartbeat that was not there yet. */
  async heartbeatAfter(cluster: string): Promise<void> {
    const key = { namespace: clusterNamespace(cluster), name: 'heartbeat' };
    const version = async () => (await this.#fleet.hub.client.find(LeaseType, key))?.metadata?.resourceVersion;
    const before = await version();
    await eventually(async () => (await version()) !== before, {
      timeoutMs: WITHIN_MS,
      what: `a heartbeat of ${cluster} arrives`,
    });
  }

  /** The names of the Leases that say which registrations of a cluster were used. */
  async uses(cluster: string): Promise<string[]> {
    const { items } = await this.#fleet.hub.client.list(LeaseType, { namespace: clusterNamespace(cluster) });
    return items.map(({ metadata }) => metadata?.name ?? '').filter(name => name.startsWith('registration-'));
  }

  async stop(): Promise<void> {
    await Promise.allSettled(this.#agents.map(agent => agent.stop()));
  }
}
