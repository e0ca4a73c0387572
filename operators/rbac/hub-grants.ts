import {
  clusterNamespace,
  LABEL_CLUSTER,
  LABEL_PROJECT_HOME,
  PLANE_HUB,
  parseClusterNamespace,
  projectNamespace,
} from '#api';
import { Controller, type Informer, jsonEqual, type KubeObject, type Manager, Namespaces, type Result } from '#runtime';
import {
  type BindingObject,
  ClusterRoleBindings,
  ClusterRoles,
  RoleBindings,
  type RoleObject,
  Roles,
} from '../engagement/rbac-kinds.ts';
import { TakenPlaces } from '../engagement/taken-places.ts';
import { reconcileAccessGrants } from './access-grants.ts';
import { HUB_OBJECTS } from './access-objects.ts';
import type { Obstacle } from './binding-status.ts';
import { type Conflict, ensure } from './converge.ts';
import { hubRole, isDerivedFrom, ownClusterRole, ownClusterRoleName, roleName, templateOf } from './desired.ts';
import { BY_TEMPLATE } from './grant-scope.ts';
import type { Place, Share } from './grants.ts';
import { drop, hold } from './holding.ts';
import type { HubPeople } from './people.ts';
import { holdOwnRole } from './project-grants.ts';
import { obstacleOf, Refusals } from './refusals.ts';
import type { Change, HubSays } from './says.ts';
import { UntilKnown } from './until-known.ts';

export interface HubGrantsOptions {
  readonly manager: Manager;
  readonly fieldManager: string;
  readonly says: HubSays;
  readonly people: HubPeople;
  /** What stands in the way of bindings of the place has changed. */
  readonly changed: (place: Place) => void;
}

interface PlaceScope {
  readonly place: Place;
  /** Takes without giving: the namespace is Terminating, or has gone. */
  readonly narrowOnly: boolean;
  readonly signal: AbortSignal;
}

const BY_NAMESPACE = 'namespace';
const BY_CLUSTER = 'cluster';

/** What templates allow in the hub: a Role and its bindings in each namespace of a cluster or project where it is had. */
export class HubGrants {
  readonly #options: HubGrantsOptions;
  readonly #controller: Controller;
  readonly #roles: Informer<RoleObject>;
  readonly #bindings: Informer<BindingObject>;
  /** Of the Clusters themselves. */
  readonly #clusterRoles: Informer<RoleObject>;
  readonly #clusterBindings: Informer<BindingObject>;
  readonly #namespaces: Informer<KubeObject>;
  readonly #refusals = new Refusals();
  readonly #conflicts = new Map<string, readonly Conflict[]>();
  readonly #taken: TakenPlaces;
  readonly #untilKnown: UntilKnown;

  constructor(options: HubGrantsOptions) {
    this.#options = options;
    const { cache } = options.manager.hub;
    this.#roles = cache.informer(Roles, HUB_OBJECTS);
    this.#bindings = cache.informer(RoleBindings, HUB_OBJECTS);
    this.#clusterRoles = cache.informer(ClusterRoles, HUB_OBJECTS);
    this.#clusterBindings = cache.informer(ClusterRoleBindings, HUB_OBJECTS);
    this.#namespaces = cache.informer(Namespaces, { metadataOnly: true });
    for (const informer of [this.#roles, this.#bindings] as Informer<KubeObject>[])
      informer.addIndex(BY_NAMESPACE, ({ metadata }) => [metadata?.namespace ?? '']);
    for (const informer of this.#ofClusters) {
      informer.addIndex(BY_CLUSTER, object => [clusterOf(object) ?? '']);
      informer.addIndex(BY_TEMPLATE, object => [templateOf(object) ?? '']);
    }
    this.#controller = new Controller({
      name: 'rbac-hub-grants',
      log: options.manager.log,
      reconcile: (key, { signal }) => this.#refusals.during(key, () => this.#reconcile(key, signal)),
      backoffMs: [5, 30_000],
    });
    this.#taken = new TakenPlaces(options.manager.hub, key => this.#controller.add(key));
    this.#untilKnown = new UntilKnown(options.says, this.#controller);
  }

  async whenSynced(signal: AbortSignal): Promise<void> {
    const informers = [this.#roles, this.#bindings, this.#namespaces, ...this.#ofClusters] as Informer<KubeObject>[];
    await Promise.all(informers.map(informer => informer.whenSynced(signal)));
  }

  /** Whether nothing is left to do for the template in the place. */
  isDone(place: Place): boolean {
    return !this.#controller.queue.has(namespaceOf(place));
  }

  /** What stands in the way of the template in the place. */
  conflicts(place: Place, template: string): Conflict[] {
    const conflicts = this.#conflicts.get(namespaceOf(place)) ?? [];
    return conflicts.filter(({ key }) => isDerivedFrom(key.name, template));
  }

  /** What the hub refuses, so that the place waits. */
  refused(place: Place): Obstacle | undefined {
    return obstacleOf(this.#refusals.of([namespaceOf(place)]), { where: 'the hub', holdsUp: false });
  }

  start(signal: AbortSignal): void {
    this.#controller.watches(this.#namespaces, ({ metadata }) => [metadata?.name ?? ''], {
      predicate: (now, old) => placeOfNamespace(now) !== undefined && !old,
    });
    for (const informer of [this.#roles, this.#bindings] as Informer<KubeObject>[])
      this.#controller.watches(informer, ({ metadata }) => [metadata?.namespace ?? ''], { ownWrites: false });
    for (const informer of this.#ofClusters)
      this.#controller.watches(informer, object => namespacesOf(clusterOf(object)), { ownWrites: false });
    this.#options.says.subscribe(change => this.#changed(change));
    this.#controller.start(signal);
  }

  get #ofClusters() {
    return [this.#clusterRoles, this.#clusterBindings] as Informer<KubeObject>[];
  }

  stopped(): Promise<void> {
    return this.#controller.stopped();
  }

  #changed({ place }: Change): void {
    if (place)
      for (const name of new Set([namespaceOf(place), namespaceOf({ cluster: place.cluster })]))
        this.#controller.add(name);
    // a template's namespaces are those of the places where it is bound
    else for (const namespace of this.#namespaces.list()) this.#controller.add(namespace.metadata?.name ?? '');
  }

  async #reconcile(name: string, signal: AbortSignal): Promise<Result | undefined> {
    const { says } = this.#options;
    const namespace = this.#namespaces.get({ name });
    const place = namespace ? placeOfNamespace(namespace) : this.#placeLeft(name);
    if (!place) return undefined;
    if (!says.known) return this.#untilKnown.wait(name);
    const narrowOnly = !namespace || namespace.metadata?.deletionTimestamp !== undefined;
    const present = this.#bindings.byIndex(BY_NAMESPACE, name).map(object => templateOf(object) ?? '');
    const roles = this.#roles.byIndex(BY_NAMESPACE, name).map(object => templateOf(object) ?? '');
    const ofCluster = place.project === undefined ? this.#ofClusters : [];
    const own = ofCluster.flatMap(informer => informer.byIndex(BY_CLUSTER, place.cluster)).map(templateOf);
    const templates = new Set([
      ...says.templatesIn(place),
      ...present,
      ...roles,
      ...own.filter(each => each !== undefined),
    ]);
    templates.delete(''); // of another owner
    const scope = { place, narrowOnly, signal };
    const held = await Promise.all([...templates].map(template => this.#hold(scope, name, template)));
    if (place.project === undefined) await this.#letCreate(scope);
    this.#note(place, held.flat());
    return undefined;
  }

  /** The place of a namespace that has gone, where a finalizer keeps what a template allowed of its Cluster. */
  #placeLeft(name: string): Place | undefined {
    const cluster = parseClusterNamespace(name);
    if (cluster === undefined || !this.#namespaces.known) return undefined;
    return this.#ofClusters.some(informer => informer.byIndex(BY_CLUSTER, cluster).length > 0)
      ? { cluster }
      : undefined;
  }

  #note(place: Place, conflicts: readonly Conflict[]): void {
    const name = namespaceOf(place);
    const before = this.#conflicts.get(name) ?? [];
    if (conflicts.length > 0) this.#conflicts.set(name, conflicts);
    else this.#conflicts.delete(name);
    this.#taken.set(name, conflicts);
    if (!jsonEqual(before, conflicts)) setImmediate(() => this.#options.changed(place));
  }

  async #hold({ place, narrowOnly, signal }: PlaceScope, namespace: string, template: string): Promise<Conflict[]> {
    const { manager, fieldManager, says, people } = this.#options;
    const client = manager.hub.client.as(fieldManager);
    const hub = manager.hub.uid;
    const origin = { cluster: place.cluster, hub, plane: PLANE_HUB } as const;
    const name = roleName(template);
    const known = this.#roles.get({ namespace, name });
    const share = this.#shareOf(place, template);
    const existing = this.#bindings.byIndex(BY_NAMESPACE, namespace).filter(object => templateOf(object) === template);
    const role = hubRole(says.book, template, namespace, origin);
    const isGiven = !narrowOnly && says.book.isReady(template) && share.granted.length > 0;
    const ofRole = isGiven ? await ensure(client, Roles, role, known, signal) : undefined;
    const holding = { type: RoleBindings, base: name, namespace, template, existing, narrowOnly };
    const scope = { client, says, hub, phase: narrowOnly ? 'revoking' : 'granting', signal, origin } as const;
    const held = await hold(scope, { ...holding, role: { kind: 'Role', name }, share });
    const conflicts = [...(ofRole ? [ofRole] : []), ...held];
    const left = this.#bindings.byIndex(BY_NAMESPACE, namespace).some(object => templateOf(object) === template);
    if (!left && share.granted.length === 0) await drop(scope, Roles, known);
    const uid = people.clusterUid(place.cluster);
    if (place.project !== undefined || !people.known) return conflicts;
    const own = await holdOwnRole(
      { ...scope, roles: this.#clusterRoles, clusterBindings: this.#clusterBindings },
      {
        template,
        base: ownClusterRoleName(template, place.cluster),
        role: uid === undefined ? undefined : ownClusterRole(says.book, template, { name: place.cluster, uid }, origin),
        share,
      },
    );
    return [...conflicts, ...own];
  }

  async #letCreate({ place: { cluster }, narrowOnly, signal }: PlaceScope): Promise<void> {
    const { manager, fieldManager, says, people } = this.#options;
    const client = manager.hub.client.as(fieldManager);
    const bindings = this.#bindings.byIndex(BY_NAMESPACE, clusterNamespace(cluster));
    const scope = { client, says, people, roles: this.#roles, bindings, hub: manager.hub.uid, narrowOnly, signal };
    await reconcileAccessGrants(scope, cluster);
  }

  /** Users and groups; what a ServiceAccount is in a cluster it is not in the hub. */
  #shareOf(place: Place, template: string): Share {
    const { says } = this.#options;
    if (says.book.isReady(template) && says.book.hubRules(template).length === 0)
      return { granted: [], kept: new Set() };
    const { granted, kept } = says.share(place, template);
    return { granted: granted.filter(({ kind }) => kind !== 'ServiceAccount'), kept };
  }
}

function placeOfNamespace({ metadata }: KubeObject): Place | undefined {
  const { name = '', labels = {} } = metadata ?? {};
  const { [LABEL_CLUSTER]: cluster, [LABEL_PROJECT_HOME]: project } = labels;
  if (cluster === undefined) return undefined;
  const place = { cluster, ...(project === undefined ? {} : { project }) };
  return namespaceOf(place) === name ? place : undefined;
}

/** The Cluster that a role of a template, or its binding, is about. */
function clusterOf(object: KubeObject): string | undefined {
  return templateOf(object) === undefined ? undefined : object.metadata?.labels?.[LABEL_CLUSTER];
}

function namespacesOf(cluster: string | undefined): string[] {
  return cluster === undefined ? [] : [namespaceOf({ cluster })];
}

function namespaceOf({ cluster, project }: Place): string {
  return project === undefined ? clusterNamespace(cluster) : projectNamespace(cluster, project);
}
