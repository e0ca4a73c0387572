import {
  type Cluster,
  type ClusterAccess,
  ClusterAccessResource,
  type ClusterSpec,
  clusterNamespace,
  ProjectResource,
  type ProjectSpec,
  type RoleTemplate,
  type RoleTemplateBinding,
  RoleTemplateBindingResource,
  type RoleTemplateBindingStatus,
  RoleTemplateResource,
  type RoleTemplateSpec,
} from '#api';
import { type Condition, findCondition, Namespaces } from '#runtime';
import { BY_AGENT, createAgentCluster, joinByAgent, type RunningAgent, superviseAgent } from './agents.ts';
import { AGENT_IDENTITY, startMortalWorker } from './cluster-worker.ts';
import { eventually, eventuallyPasses } from './eventually.ts';
import { type Fleet, type FleetOptions, type Site, startFleet } from './fleet.ts';
import { aNamespace, aProject } from './objects.ts';
import type { OperatorProcess, OperatorProcesses } from './operator-process.ts';
import { type RunningOperators, recordWrites, type Write } from './operators.ts';
import { type Deed, Person } from './person.ts';

const WITHIN_MS = 40_000;
type Heartbeat = NonNullable<ClusterSpec['heartbeat']>;

/** One that is lost late, so that a machine which is short of time cuts nobody off. */
const HEARTBEAT = { interval: '2s', timeout: '30s' };

type Subject = RoleTemplateBinding['spec']['subjects'][number];

export const user = (name: string): Subject => ({ kind: 'User', name });
export const group = (name: string): Subject => ({ kind: 'Group', name });
export const account = (namespace: string, name: string): Subject => ({ kind: 'ServiceAccount', namespace, name });

/**
 * A hub and a cluster edge-1 with the operators that bind people there, and the people; where the cluster is connected
 * by agent, the agent also.
 */
export class AccessFleet {
  readonly fleet: Fleet;
  readonly #people: Person[] = [];
  rbac: RunningOperators;
  #projects: RunningOperators;
  #agent: RunningAgent | undefined;
  readonly #writes: Write[][] = [];

  private constructor(fleet: Fleet) {
    this.fleet = fleet;
    fleet.start(['cluster']);
    this.#projects = fleet.start(['project']);
    this.rbac = this.#startRbac();
  }

  /** `kubeconfig` is how the hub reaches edge-1 [directly]. */
  static async start(
    kubeconfig?: (edge: Site) => Promise<string>,
    { heartbeat = HEARTBEAT, ...options }: Pick<FleetOptions, 'downstreamFlags'> & { heartbeat?: Heartbeat } = {},
  ): Promise<AccessFleet> {
    const started = new AccessFleet(await startFleet({ downstreams: 1, ...options }));
    const edge = started.fleet.edge();
    if (BY_AGENT) return await started.#join(edge, heartbeat);
    const through = kubeconfig ? { kubeconfig: await kubeconfig(edge) } : {};
    await started.fleet.importCluster(edge, { ...through, spec: { heartbeat } });
    await started.fleet.connected('edge-1');
    return started;
  }

  async #join(edge: Site, heartbeat: Heartbeat): Promise<this> {
    const { url, caPem } = edge.controlPlane;
    const endpoint = { url, caBundle: Buffer.from(caPem).toString('base64') };
    await createAgentCluster(this.fleet, 'edge-1', { heartbeat, endpoint });
    await joinByAgent(this.fleet, 'edge-1', edge);
    this.#agent = this.#startAgent();
    await this.fleet.connected('edge-1');
    return this;
  }

  #startRbac(): RunningOperators {
    const rbac = this.fleet.start(['rbac']);
    this.#writes.push(rbac.writes);
    return rbac;
  }

  #startAgent(): RunningAgent {
    const { writes, afterWrite } = recordWrites();
    this.#writes.push(writes);
    return superviseAgent(this.fleet.edge(), { afterWrite, identity: AGENT_IDENTITY });
  }

  /** What the rbac operator, and the agent, wrote since the fleet started, also before a restart. */
  get writes(): readonly Write[] {
    return this.#writes.flat();
  }

  get hub() {
    return this.fleet.hub.client;
  }

  get downstream() {
    return this.fleet.edge().client;
  }

  /** Somebody as the downstream's API server knows them. */
  person(name: string, groups: readonly string[] = []): Person {
    const person = new Person(this.fleet.edge(), { user: name, groups });
    this.#people.push(person);
    return person;
  }

  /** Somebody as the hub's API server knows them. */
  personInHub(name: string, groups: readonly string[] = []): Person {
    const person = new Person(this.fleet.hub, { user: name, groups });
    this.#people.push(person);
    return person;
  }

  async template(name: string, spec: RoleTemplateSpec): Promise<RoleTemplate> {
    const type = { apiVersion: 'paddock.dev/v1alpha1', kind: 'RoleTemplate' } as const;
    return await this.hub.create(RoleTemplateResource, {}, { ...type, metadata: { name }, spec });
  }

  async changeTemplate(name: string, spec: object): Promise<void> {
    await this.hub.mergePatch(RoleTemplateResource, { name }, { spec });
  }

  /** A Project with member namespaces. */
  async project(name: string, members: readonly string[] = [], spec: ProjectSpec = {}): Promise<void> {
    const body = aProject({ name, cluster: 'edge-1', spec });
    await this.hub.create(ProjectResource, { namespace: 'c-edge-1' }, body);
    await eventually(
      async () => {
        const project = await this.hub.get(ProjectResource, { namespace: 'c-edge-1', name });
        return findCondition(project.status?.conditions, 'Ready')?.status === 'True';
      },
      { timeoutMs: WITHIN_MS, what: `Project ${name} is ready` },
    );
    for (const member of members) await this.member(member, name);
  }

  async member(name: string, project: string): Promise<void> {
    await this.downstream.create(Namespaces, {}, aNamespace(name, { project }));
  }

  /** Binds a template in the cluster, or in a project of it; the binding is in the cluster's namespace, or another. */
  async bind(
    name: string,
    roleTemplateName: string,
    subjects: readonly Subject[],
    options: { readonly project?: string; readonly cluster?: string; readonly namespace?: string } = {},
  ): Promise<Binding> {
    const { project, cluster = 'edge-1', namespace = clusterNamespace(cluster) } = options;
    const scope = project === undefined ? { cluster: { name: cluster } } : { project: { cluster, name: project } };
    const binding = new Binding(this, { namespace, name });
    const type = { apiVersion: 'paddock.dev/v1alpha1', kind: 'RoleTemplateBinding' } as const;
    const spec = { roleTemplateName, subjects: [...subjects], scope };
    await this.hub.create(
      RoleTemplateBindingResource,
      { namespace: binding.key.namespace },
      { ...type, metadata: { name }, spec },
    );
    return binding;
  }

  /** Asks for a kubeconfig, as one who may impersonate anybody. */
  async access(name: string, spec: ClusterAccess['spec'], namespace = clusterNamespace('edge-1')): Promise<void> {
    const body = { apiVersion: 'paddock.dev/v1alpha1', kind: 'ClusterAccess', metadata: { name }, spec } as const;
    await this.hub.create(ClusterAccessResource, { namespace }, body);
  }

  /** Waits until the person may, or may not. */
  async until(may: boolean, person: Person, deed: Deed | string, namespace?: string): Promise<void> {
    const what = `${JSON.stringify(deed)} in ${namespace ?? 'the cluster'} is ${may ? 'allowed' : 'refused'}`;
    await eventually(async () => (await person.may(deed, namespace)) === may, { timeoutMs: WITHIN_MS, what });
  }

  /** Does what is given while no rbac operator runs, and no agent. */
  async whileDown(meanwhile: () => Promise<void>): Promise<void> {
    await Promise.all([this.rbac.stop(), this.#agent?.stop()]);
    await meanwhile();
    this.rbac = this.#startRbac();
    if (this.#agent) this.#agent = this.#startAgent();
  }

  /** Does what is given while no project operator runs. */
  async whileProjectsDown(meanwhile: () => Promise<void>): Promise<void> {
    await this.#projects.stop();
    await meanwhile();
    this.#projects = this.fleet.start(['project']);
  }

  /** Stops who works on the cluster: the agent, or the rbac operator. */
  async stopWorker(): Promise<void> {
    await (this.#agent ?? this.rbac).stop();
  }

  /** Another process that does the worker's work until it has made so many writes. */
  startMortalWorker(processes: OperatorProcesses, killAtWrite: number): OperatorProcess {
    return startMortalWorker(processes, { fleet: this.fleet, operator: 'rbac', killAtWrite });
  }

  startWorker(): void {
    if (this.#agent) this.#agent = this.#startAgent();
    else this.rbac = this.#startRbac();
  }

  async connected(status: 'True' | 'Unknown', timeoutMs?: number): Promise<Cluster> {
    return await this.fleet.connected('edge-1', status, timeoutMs);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#people.map(person => person.close()), this.#agent?.stop()]);
    await this.fleet.stop();
  }
}

/** A RoleTemplateBinding as its users see it. */
export class Binding {
  readonly key: { readonly namespace: string; readonly name: string };
  readonly #fleet: AccessFleet;

  constructor(fleet: AccessFleet, key: Binding['key']) {
    this.#fleet = fleet;
    this.key = key;
  }

  async read(): Promise<RoleTemplateBinding> {
    return await this.#fleet.hub.get(RoleTemplateBindingResource, this.key);
  }

  async subjects(...subjects: readonly Subject[]): Promise<void> {
    await this.#fleet.hub.mergePatch(RoleTemplateBindingResource, this.key, { spec: { subjects } });
  }

  async annotate(annotations: Readonly<Record<string, string | null>>): Promise<void> {
    await this.#fleet.hub.mergePatch(RoleTemplateBindingResource, this.key, { metadata: { annotations } });
  }

  async delete(): Promise<void> {
    await this.#fleet.hub.delete(RoleTemplateBindingResource, this.key);
  }

  async gone(): Promise<void> {
    const find = () => this.#fleet.hub.find(RoleTemplateBindingResource, this.key);
    await eventually(async () => !(await find()), { timeoutMs: WITHIN_MS, what: `binding ${this.key.name} is gone` });
  }

  async condition(type: string, status: Condition['status'], reason?: string): Promise<Condition> {
    return await eventually(
      async () => {
        const found = findCondition((await this.read()).status?.conditions, type);
        return found?.status === status && (reason === undefined || found.reason === reason) ? found : undefined;
      },
      { timeoutMs: WITHIN_MS, what: `binding ${this.key.name} has ${type}=${status} ${reason ?? ''}` },
    );
  }

  async status(assertion: (status: RoleTemplateBindingStatus) => void): Promise<void> {
    await eventuallyPasses(async () => assertion((await this.read()).status ?? {}), {
      timeoutMs: WITHIN_MS,
      what: `binding ${this.key.name} has the status expected`,
    });
  }
}
