import type { RoleTemplateBinding } from '#api';
import {
  type Cluster,
  Controller,
  type Informer,
  jsonEqual,
  type KubeObject,
  type Logger,
  MAX_IN_FLIGHT,
  type Result,
} from '#runtime';
import { isTerminating, memberNamespaces, membershipOf, membersOf } from '../engagement/membership.ts';
import { podSecurityOf } from '../engagement/pod-security.ts';
import { type BindingObject, ClusterRoleBindings, ClusterRoles, RoleBindings } from '../engagement/rbac-kinds.ts';
import { TakenPlaces } from '../engagement/taken-places.ts';
import { NamespaceLimits } from '../membership/namespace-limits.ts';
import type { Obstacle } from './binding-status.ts';
import type { Conflict } from './converge.ts';
import { isDerivedFrom, rulesName, templateOf } from './desired.ts';
import type { EngagedPeople } from './engaged-people.ts';
import { Exposure } from './exposure.ts';
import { ForeignRules, foreignRulesMessage } from './foreign-rules.ts';
import {
  type GrantKey,
  isDownstream,
  isOfTemplate,
  keyOfRole,
  namespaceKey,
  parseGrantKey,
  projectIndex,
  projectKey,
  templateKey,
} from './grant-keys.ts';
import { BY_NAMESPACE, BY_PROJECT, BY_TEMPLATE, type GrantScope, MARKED, type Phase } from './grant-scope.ts';
import type { Place } from './grants.ts';
import { isGuardedTemplate } from './guarded.ts';
import { type Guards, withheld } from './guards.ts';
import { givesAnew, reconcileNamespace } from './namespace-grants.ts';
import { reconcileProjectRole } from './project-grants.ts';
import { obstacleOf, type Refusals } from './refusals.ts';
import type { Change, HubSays } from './says.ts';
import { reconcileTemplate } from './template-grants.ts';
import { UntilKnown } from './until-known.ts';

export interface EngagedOptions {
  readonly cluster: Cluster;
  readonly fieldManager: string;
  readonly says: HubSays;
  /** uid of the hub's kube-system namespace. */
  readonly hub: string;
  readonly log: Logger;
  /** The accounts of people there. */
  readonly people: EngagedPeople;
  /** Whether what the cluster's admission policies guard may be given. */
  readonly guards: Guards;
  /** What the cluster refuses, of that of people as well. */
  readonly refusals: Refusals;
  /** Asked for a template that is not in the cache: whether it was deleted. */
  readonly unknownTemplate: (template: string) => void;
  /** What a binding's status says may have changed, for bindings of this place; for all of the cluster without one. */
  readonly changed: (cluster: string, place?: Place) => void;
}

const BACKOFF_MS = [5, 30_000] as const;
/** A cluster that enforces its policies is proven within a second or two of its connection. */
const PROOF_MS = 5_000;

/** The rbac operator's work on one engaged cluster: roles, and who has them where. */
export class EngagedAccess {
  readonly #options: EngagedOptions;
  readonly #controller: Controller;
  readonly #parts: Pick<GrantScope, 'namespaces' | 'roles' | 'clusterBindings' | 'bindings'>;
  readonly #conflicts = new Map<string, readonly Conflict[]>();
  readonly #taken: TakenPlaces;
  readonly #exposure: Exposure;
  readonly #limits: NamespaceLimits;
  readonly #foreignRules: ForeignRules;
  readonly #untilKnown: UntilKnown;
  #phase: Phase = 'revoking';

  constructor(options: EngagedOptions) {
    this.#options = options;
    const { cluster, log } = options;
    this.#taken = new TakenPlaces(cluster, key => this.#controller.add(key));
    const templateIndex = (object: KubeObject) => (isOfTemplate(object) ? [templateOf(object) ?? ''] : []);
    const informers = {
      namespaces: memberNamespaces(cluster),
      roles: cluster.cache.informer(ClusterRoles, MARKED),
      clusterBindings: cluster.cache.informer(ClusterRoleBindings, MARKED),
      bindings: cluster.cache.informer(RoleBindings, MARKED),
    };
    informers.bindings.addIndex(BY_NAMESPACE, binding => [binding.metadata?.namespace ?? '']);
    informers.bindings.addIndex(BY_PROJECT, projectIndex);
    for (const informer of [informers.roles, informers.clusterBindings, informers.bindings] as Informer<KubeObject>[])
      informer.addIndex(BY_TEMPLATE, templateIndex);
    this.#parts = informers;
    this.#foreignRules = new ForeignRules(cluster, informers.roles);
    this.#exposure = new Exposure({
      cluster: cluster.name,
      client: cluster.client.as(options.fieldManager),
      namespaces: informers.namespaces,
      says: options.says,
      givesAnew: name => this.#phase === 'granting' && givesAnew(this.#scope, name),
      lookAgain: name => this.#controller.add(namespaceKey(name)),
    });
    this.#limits = new NamespaceLimits({
      cluster: cluster.name,
      namespaces: informers.namespaces,
      projects: options.says.projects,
      changed: namespace => this.#controller.add(namespaceKey(namespace)),
    });
    this.#controller = new Controller({
      name: 'rbac-grants',
      log: log.child({ cluster: cluster.name }),
      concurrency: MAX_IN_FLIGHT,
      reconcile: (key, { signal }) => options.refusals.during(key, () => this.#reconcile(key, signal)),
      backoffMs: BACKOFF_MS,
    });
    this.#untilKnown = new UntilKnown(options.says, this.#controller, cluster.signal);
  }

  get cluster(): Cluster {
    return this.#options.cluster;
  }

  /** What bindings of the template in the place ask for is in force, and nothing beyond it. */
  isDone(place: Place, template: string): boolean {
    return this.#phase === 'granting' && !this.#keysOf(place, template).some(key => this.#controller.queue.has(key));
  }

  /** What stands in the way of the template in the place: of its own objects, and of the rules that it inherits. */
  conflicts(place: Place, template: string): Conflict[] {
    const of = (keys: readonly string[]) => keys.flatMap(key => this.#conflicts.get(key) ?? []);
    const parts = this.#options.says.book.parts(template).filter(part => part !== template);
    const rules = new Set(parts.map(rulesName));
    return [
      ...of(this.#keysOf(place, template)).filter(({ key }) => isDerivedFrom(key.name, template)),
      ...of(parts.map(templateKey)).filter(({ type, key }) => type === ClusterRoles && rules.has(key.name)),
    ];
  }

  /** ClusterRoles that claim to be part of the template. */
  foreignRules(template: string): string | undefined {
    return foreignRulesMessage(this.cluster.name, template, this.#foreignRules.of(template));
  }

  get people(): EngagedPeople {
    return this.#options.people;
  }

  /** What whoever gets a role in the place waits for: namespaces of it lack what limits them. */
  exposed(place: Place): Obstacle | undefined {
    return this.#exposure.obstacle(place);
  }

  /** What the cluster refuses of the template in the place; while access is taken away, anything. */
  refused(place: Place, template: string): Obstacle | undefined {
    const [keys, holdsUp] = [this.#keysOf(place, template), this.#phase === 'revoking'];
    const { refusals } = this.#options;
    const refused = holdsUp ? refusals.all(keys) : refusals.of(keys);
    return obstacleOf(refused, { where: `cluster ${place.cluster}`, holdsUp });
  }

  /**
   * Something of a binding is not given, since the cluster's admission policies are not proven: why, once it is known
   * that they are not enforced.
   */
  withheld(binding: RoleTemplateBinding): { readonly obstacle: Obstacle | undefined } | undefined {
    const { guards, says } = this.#options;
    const { name } = this.cluster;
    const { roleTemplateName: template } = binding.spec;
    const proof = guards.proof(name);
    if (proof === 'enforced') return undefined;
    if (!isGuardedTemplate(says.book, template) && !this.people.lacks(binding)) return undefined;
    return { obstacle: proof === 'notEnforced' ? withheld(name, template) : undefined };
  }

  /** Starts when both sides have been read completely. Ends with the cluster, or earlier when `stop` aborts. */
  start(stop: AbortSignal): void {
    const { cluster, says } = this.#options;
    const ends = AbortSignal.any([cluster.signal, stop]);
    const unsubscribe = says.subscribe(change => this.#hubChanged(change));
    cluster.signal.addEventListener('abort', unsubscribe, { once: true });
    ends.addEventListener('abort', () => this.#exposure.stop(), { once: true });
    this.#limits.follow(ends);
    this.#options.guards.follow(cluster.name, () => this.#addAll(), cluster.signal);
    this.#watch();
    this.people.watch();
    const informers = Object.values(this.#parts) as Informer<KubeObject>[];
    const both = [says.whenSynced(ends), this.people.whenSynced(ends)];
    void Promise.all([...both, ...informers.map(informer => informer.whenSynced(ends))]).then(
      () => this.#begin(ends),
      () => undefined, // let go before it was read
    );
  }

  async stopped(): Promise<void> {
    await Promise.all([this.#controller.stopped(), this.people.stopped()]);
  }

  /** First what no binding explains, and only when all of that is gone, what is to be given. */
  async #begin(ends: AbortSignal): Promise<void> {
    const queues = [this.#controller.queue, this.people.queue];
    this.#addAll();
    this.#controller.start(ends);
    this.people.start(ends);
    // at one moment: while one queue was waited for, what failed in the other may have come again
    const isSettled = () => queues.every(queue => queue.idle && queue.delayed === 0);
    do await Promise.all(queues.map(queue => queue.whenIdle()));
    while (!isSettled() && !ends.aborted && (await pause(100, ends)));
    // otherwise each role would be written without what the policies guard, and a moment later with it
    await this.#options.guards.whenKnown(this.cluster.name, PROOF_MS, ends);
    if (ends.aborted) return;
    this.#phase = 'granting';
    this.#addAll();
    this.people.grant();
    this.#options.changed(this.cluster.name);
  }

  #addAll(): void {
    const { says } = this.#options;
    const { roles, clusterBindings, namespaces } = this.#parts;
    const existing = [...roles.list(), ...clusterBindings.list()].filter(isOfTemplate).map(object => keyOfRole(object));
    const wanted = says.book.names.flatMap(template => this.#keysOfTemplate(template));
    const members = namespaces.list().map(({ metadata }) => namespaceKey(metadata?.name ?? ''));
    for (const key of new Set([...existing, ...wanted, ...members]))
      this.#controller.add(key, { priority: 'background' });
  }

  #watch(): void {
    const { namespaces, roles, clusterBindings, bindings } = this.#parts;
    const own = { predicate: isOfTemplate, ownWrites: false };
    this.#controller
      .watches(namespaces, ({ metadata }) => [namespaceKey(metadata?.name ?? '')], {
        predicate: (now, old) =>
          !old ||
          membershipOf(now) !== membershipOf(old) ||
          isTerminating(now) ||
          !jsonEqual(podSecurityOf(now), podSecurityOf(old)),
      })
      .watches(roles, role => [keyOfRole(role)], own)
      .watches(clusterBindings, binding => [keyOfRole(binding)], own)
      .watches(bindings, ({ metadata }) => [namespaceKey(metadata?.namespace ?? '')], own);
    // the last binding of a template takes its roles with it
    const gone = (binding: BindingObject) => {
      const template = templateOf(binding);
      if (template === undefined || !isDownstream(binding) || this.#isBound(template)) return;
      for (const part of this.#options.says.book.parts(template)) this.#controller.add(templateKey(part));
    };
    this.#foreignRules.watch(templates => {
      const { says, changed } = this.#options;
      for (const template of templates)
        for (const place of says.placesOf(this.cluster.name, template)) changed(this.cluster.name, place);
    });
    for (const informer of [bindings, clusterBindings]) informer.subscribe({ applied: () => undefined, deleted: gone });
  }

  #isBound(template: string): boolean {
    return [this.#parts.bindings, this.#parts.clusterBindings].some(
      informer => informer.byIndex(BY_TEMPLATE, template).length > 0,
    );
  }

  #hubChanged({ place, template }: Change): void {
    if (place && place.cluster !== this.cluster.name) return;
    const { says } = this.#options;
    const keys =
      place && template !== undefined
        ? [...this.#keysOf(place, template), ...says.book.parts(template).map(templateKey)]
        : place
          ? says.templatesIn(place).flatMap(name => this.#keysOf(place, name))
          : this.#keysOfTemplate(template ?? '');
    for (const key of keys) this.#controller.add(key);
    if (place) this.#options.changed(place.cluster, place);
    else this.#options.changed(this.cluster.name);
  }

  #keysOfTemplate(template: string): string[] {
    const places = this.#options.says.placesOf(this.cluster.name, template);
    return [templateKey(template), ...places.flatMap(place => this.#keysOf(place, template))];
  }

  /** What has to be looked at for bindings of a template in a place. */
  #keysOf({ project }: Place, template: string): string[] {
    if (project === undefined) return [templateKey(template)];
    const { namespaces, bindings } = this.#parts;
    const members = membersOf(namespaces, project).map(({ metadata }) => metadata?.name ?? '');
    // also where namespaces have left, or are Terminating, and people of the project have the role still
    const held = bindings
      .byIndex(BY_PROJECT, `${template}/${project}`)
      .map(({ metadata }) => metadata?.namespace ?? '');
    return [
      templateKey(template),
      projectKey(template, project),
      ...[...new Set([...members, ...held])].map(namespaceKey),
    ];
  }

  /** By what is known at this moment who has what in a namespace. */
  get #scope() {
    const { cluster, says } = this.#options;
    return { ...this.#parts, cluster, says, limits: this.#limits };
  }

  async #reconcile(key: string, signal: AbortSignal): Promise<Result | undefined> {
    const { says, cluster, hub, fieldManager, guards, unknownTemplate } = this.#options;
    if (!says.known) return this.#untilKnown.wait(key);
    const grant = parseGrantKey(key);
    if (grant.kind === 'namespace') await this.#exposure.look(grant.name, signal);
    // asked for once more without a pause before it is acted on: the namespace may have moved meanwhile
    const isExposed = grant.kind === 'namespace' && this.#exposure.has(grant.name);
    const scope: GrantScope = {
      ...this.#parts,
      cluster,
      client: cluster.client.as(fieldManager),
      says,
      limits: this.#limits,
      hub,
      phase: isExposed ? 'revoking' : this.#phase,
      isProven: guards.areProven(cluster.name),
      unknownTemplate,
      signal,
    };
    const conflicts = await reconcile(scope, grant);
    if (conflicts.length > 0) this.#conflicts.set(key, conflicts);
    else this.#conflicts.delete(key);
    this.#taken.set(key, conflicts);
    setImmediate(() => this.#options.changed(cluster.name, this.#placeOf(grant)));
    return undefined;
  }

  #placeOf(grant: GrantKey): Place | undefined {
    const cluster = this.cluster.name;
    if (grant.kind === 'project') return { cluster, project: grant.project };
    if (grant.kind !== 'namespace') return undefined;
    const member = membershipOf(this.#parts.namespaces.get({ name: grant.name }));
    return { cluster, ...(member === undefined ? {} : { project: member }) };
  }
}

function reconcile(scope: GrantScope, grant: GrantKey): Promise<readonly Conflict[]> {
  if (grant.kind === 'namespace') return reconcileNamespace(scope, grant.name);
  if (grant.kind === 'project') return reconcileProjectRole(scope, grant.name, grant.project);
  return reconcileTemplate(scope, grant.name);
}

async function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  await new Promise(resolve => setTimeout(resolve, ms).unref());
  return !signal.aborted;
}
