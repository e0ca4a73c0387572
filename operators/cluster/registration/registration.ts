import {
  type Cluster,
  ClusterResource,
  clusterNamespace,
  fieldManager,
  isPaused,
  LABEL_CLUSTER,
  LABEL_MANAGED_BY,
  LABEL_PLANE,
  LABEL_PROJECT_HOME,
  MANAGED_BY,
  ownership,
  PLANE_HUB,
  parseClusterNamespace,
  parseProjectNamespace,
  projectNamespace,
} from '#api';
import {
  type Client,
  Controller,
  type Informer,
  type KubeObject,
  keyOf,
  Leases,
  Namespaces,
  type ReconcileContext,
  type ResourceType,
  type Result,
  type Runnable,
} from '#runtime';
import { ClusterRoleBindings, ClusterRoles, RoleBindings } from '../../engagement/rbac-kinds.ts';
import { ServiceAccounts } from '../../engagement/service-account.ts';
import type { OperatorContext } from '../../settings.ts';
import { ensureDerived, ForeignObjectError } from './derived.ts';
import { ManifestIssuer } from './issuer.ts';
import { CREDENTIAL_SECRET, REGISTRATION_SECRET, SecretIntents } from './kinds.ts';
import { agentRights, type DerivedObject, isProjectRight, projectRights } from './rights.ts';
import { LABEL_REGISTRATION } from './secret.ts';

/** All that we derive in the hub carries these. */
const DERIVED = { labelSelector: `${LABEL_MANAGED_BY}=${MANAGED_BY},${LABEL_PLANE}=${PLANE_HUB}` };
/** What the namespace of a Cluster or a Secret that is going away is looked for again after. */
const WAIT_MS = 1_000;

export interface RegistrationOptions {
  readonly context: OperatorContext;
  /** Told when {@link Registrations.secret} of a cluster has changed. */
  readonly onChange: (cluster: string) => void;
}

/**
 * Keeps what an agent needs in the hub: its account and rights, the Secret that its tokens are bound to, and
 * the Secret `registration` with the manifest that joins the cluster, until that has been used.
 */
export class Registrations implements Runnable {
  readonly #options: RegistrationOptions;
  readonly #client: Client;
  readonly #clusters: Informer<Cluster>;
  readonly #namespaces: Informer<KubeObject>;
  readonly #secrets: Readonly<Record<'registration' | 'credential', Informer<KubeObject>>>;
  readonly #uses: Informer<KubeObject>;
  readonly #derived: ReadonlyMap<ResourceType, Informer<KubeObject>>;
  readonly #issuer: ManifestIssuer;
  /** By cluster: the foreign object that was told of. */
  readonly #conflicts = new Map<string, string>();
  readonly #controller: Controller;

  constructor(options: RegistrationOptions) {
    this.#options = options;
    const { hub, log } = options.context.manager;
    this.#client = hub.client.as(fieldManager('cluster'));
    this.#clusters = hub.cache.informer(ClusterResource);
    this.#namespaces = hub.cache.informer(Namespaces, { metadataOnly: true });
    const named = (name: string) =>
      hub.cache.informer<KubeObject>(SecretIntents, { fieldSelector: `metadata.name=${name}`, metadataOnly: true });
    this.#secrets = { registration: named(REGISTRATION_SECRET), credential: named(CREDENTIAL_SECRET) };
    this.#uses = hub.cache.informer<KubeObject>(Leases, { labelSelector: LABEL_REGISTRATION, metadataOnly: true });
    const { registration, credential } = this.#secrets;
    const { context, onChange } = options;
    const shared = { context, client: this.#client, namespaces: this.#namespaces, uses: this.#uses, onChange };
    this.#issuer = new ManifestIssuer({ ...shared, registration, credential });
    const derived = [ServiceAccounts, RoleBindings, ClusterRoles, ClusterRoleBindings];
    this.#derived = new Map<ResourceType, Informer<KubeObject>>([
      ...derived.map(type => [type, hub.cache.informer(type, DERIVED)] as const),
      [SecretIntents, this.#secrets.credential],
    ]);
    this.#controller = new Controller({
      name: 'registration',
      log,
      reconcile: (name, context) => this.#reconcile(name, context),
      backoffMs: [100, 60_000],
    });
  }

  /** The metadata of the Secret `registration` of a cluster. */
  secret(cluster: string): KubeObject | undefined {
    return this.#secrets.registration.get({ namespace: clusterNamespace(cluster), name: REGISTRATION_SECRET });
  }

  /** No manifest can be made: see {@link ManifestIssuer.hubAddressUnknown}. */
  get hubAddressUnknown(): boolean {
    return this.#issuer.hubAddressUnknown;
  }

  start(signal: AbortSignal): void {
    const ofCluster = (name: string | undefined) => (name === undefined ? [] : [name]);
    const inNamespace = ({ metadata }: KubeObject) => ofCluster(parseClusterNamespace(metadata?.namespace ?? ''));
    const labelled = ({ metadata }: KubeObject) => ofCluster(metadata?.labels?.[LABEL_CLUSTER]);
    this.#controller
      .watches(this.#clusters, ({ metadata }) => ofCluster(metadata.name))
      .watches(this.#namespaces, ({ metadata }) => {
        const name = metadata?.name ?? '';
        return ofCluster(parseClusterNamespace(name) ?? parseProjectNamespace(name)?.cluster);
      })
      .watches(this.#uses, inNamespace);
    for (const informer of Object.values(this.#secrets)) this.#controller.watches(informer, inNamespace);
    for (const informer of this.#derived.values()) this.#controller.watches(informer, labelled);
    const changed = (secret: KubeObject) => {
      for (const name of inNamespace(secret)) this.#options.onChange(name);
    };
    this.#secrets.registration.subscribe({ applied: changed, deleted: changed });
    const all = [
      this.#clusters,
      this.#namespaces,
      this.#uses,
      ...Object.values(this.#secrets),
      ...this.#derived.values(),
    ];
    void Promise.all(all.map(informer => informer.whenSynced(signal))).then(
      () => this.#controller.start(signal),
      () => undefined,
    );
  }

  stopped(): Promise<void> {
    return this.#controller.stopped();
  }

  async #reconcile(name: string, { signal }: ReconcileContext): Promise<Result | undefined> {
    const cluster = this.#clusters.get(name);
    if (!cluster || isPaused(cluster.metadata)) return undefined;
    if (cluster.metadata.deletionTimestamp) return undefined; // the agent cleans up with the rights it has
    const namespace = this.#namespaces.get({ name: clusterNamespace(name) });
    if (!isOurs(namespace, name)) return cluster.spec.connection.agent ? { requeueAfterMs: WAIT_MS } : undefined;
    const hub = this.#options.context.manager.hub.uid;
    const rights = agentRights(cluster, hub);
    if (!cluster.spec.connection.agent) return await this.#withdraw(cluster, rights, signal);
    const homes = this.#homesOf(name);
    await this.#removeAll(this.#projectRightsOutside(name, homes), signal);
    const inHomes = homes.map(home => projectRights(cluster, hub, home));
    const failures = [await this.#ensure(rights, signal), await this.#ensure(inHomes, signal)];
    this.#tellOfConflicts(cluster, failures.flat());
    // a manifest is of use only to an agent that has its rights; those in a project's namespace may come later
    const result = failures[0]?.length ? undefined : await this.#issuer.reconcile(cluster, signal);
    const [failure] = failures.flat();
    if (failure !== undefined) throw failure;
    return result;
  }

  /** Makes or puts right each of them, whatever comes of the others; what went wrong. */
  async #ensure(wanted: readonly DerivedObject[], signal: AbortSignal): Promise<unknown[]> {
    const failures: unknown[] = [];
    for (const derived of wanted) {
      const known = this.#derived.get(derived.type);
      if (known) await ensureDerived(this.#client, derived, known, signal).catch(error => failures.push(error));
    }
    return failures;
  }

  /** An event for a foreign object that stands in the way, once for each time that another one is found. */
  #tellOfConflicts(cluster: Cluster, failures: readonly unknown[]): void {
    const { name = '' } = cluster.metadata;
    const note = failures.find(failure => failure instanceof ForeignObjectError)?.message;
    if (note !== undefined && note !== this.#conflicts.get(name)) {
      const event = { type: 'Warning', reason: 'RegistrationConflict', action: 'Register', note } as const;
      this.#options.context.manager.recorder.record(ClusterResource, cluster, event);
    }
    if (note === undefined) this.#conflicts.delete(name);
    else this.#conflicts.set(name, note);
  }

  /** The namespaces of the cluster's projects, by label and name: labels alone must not open a namespace to an agent. */
  #homesOf(cluster: string): string[] {
    return this.#namespaces
      .list()
      .filter(({ metadata }) => !metadata?.deletionTimestamp && isHome(metadata ?? {}, cluster))
      .map(({ metadata }) => metadata?.name ?? '');
  }

  /** What was granted in namespaces that are none of the cluster's projects any more. */
  #projectRightsOutside(cluster: string, homes: readonly string[]): DerivedObject[] {
    const bindings = this.#derived.get(RoleBindings)?.list() ?? [];
    return bindings
      .filter(binding => isProjectRight(binding, cluster) && !homes.includes(binding.metadata?.namespace ?? ''))
      .map(({ metadata = {} }) => ({ type: RoleBindings, intent: { metadata } }));
  }

  /** The cluster is connected otherwise now: first its tokens die, then all that they were good for goes. */
  async #withdraw(cluster: Cluster, rights: readonly DerivedObject[], signal: AbortSignal): Promise<undefined> {
    const { name = '' } = cluster.metadata;
    const metadata = { namespace: clusterNamespace(name), name: REGISTRATION_SECRET };
    const isSecret = ({ type }: DerivedObject) => type === SecretIntents;
    const others = [...rights.filter(right => !isSecret(right)), ...this.#projectRightsOutside(name, [])];
    const known = this.#secrets.registration.get(metadata);
    if (known && ownership(known.metadata) !== 'foreign')
      await this.#client.delete(SecretIntents, metadata, { uid: known.metadata?.uid, signal });
    await this.#removeAll([...rights.filter(isSecret), ...others], signal);
    return undefined;
  }

  async #removeAll(rights: readonly DerivedObject[], signal: AbortSignal): Promise<void> {
    for (const { type, intent } of rights) {
      const key = keyOf(intent);
      const object = this.#derived.get(type)?.get(key);
      if (!object || ownership(object.metadata) === 'foreign') continue;
      await this.#client.delete(type, key, { uid: object.metadata?.uid, signal });
    }
  }
}

/** The cluster's namespace is there and carries the cluster's label. */
function isOurs(namespace: KubeObject | undefined, cluster: string): boolean {
  return !namespace?.metadata?.deletionTimestamp && namespace?.metadata?.labels?.[LABEL_CLUSTER] === cluster;
}

function isHome({ name, labels }: KubeObject['metadata'] & object, cluster: string): boolean {
  const project = labels?.[LABEL_PROJECT_HOME];
  return labels?.[LABEL_CLUSTER] === cluster && project !== undefined && name === projectNamespace(cluster, project);
}
