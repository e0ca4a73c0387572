import { type RoleTemplateBinding, USERS_NAMESPACE } from '#api';
import { Controller, type KubeObject, MAX_IN_FLIGHT, type Result } from '#runtime';
import { memberNamespaces } from '../engagement/membership.ts';
import { ClusterRoleBindings, ClusterRoles } from '../engagement/rbac-kinds.ts';
import { Secrets } from '../engagement/secrets.ts';
import { ServiceAccounts } from '../engagement/service-account.ts';
import { TakenPlaces } from '../engagement/taken-places.ts';
import { accessOfSecret, accessSecretName, accountOfRole, OURS } from './account.ts';
import { type PeopleScope, reconcileAccount, reconcileAnchor } from './account-grants.ts';
import type { Obstacle } from './binding-status.ts';
import type { Conflict } from './converge.ts';
import type { EngagedOptions } from './engaged.ts';
import { isDownstream } from './grant-keys.ts';
import { MARKED, type Phase } from './grant-scope.ts';
import { LingeringTokens } from './lingering.ts';
import { accountsOf, type HubPeople, accessKey as keyOfAccess, type PeopleChange } from './people.ts';
import { obstacleOf } from './refusals.ts';
import { bindingKey } from './says.ts';
import { UntilKnown } from './until-known.ts';
import { UsersNamespace } from './users-namespace.ts';

export interface EngagedPeopleOptions
  extends Pick<EngagedOptions, 'cluster' | 'fieldManager' | 'hub' | 'log' | 'guards' | 'refusals'> {
  readonly people: HubPeople;
  /** Told the keys of bindings and accesses whose status may have changed. */
  readonly settled: (keys: { readonly bindings: readonly string[]; readonly accesses: readonly string[] }) => void;
}

const BACKOFF_MS = [5, 30_000] as const;

/** The rbac operator's work on one engaged cluster: the accounts that people act through. */
export class EngagedPeople {
  readonly #options: EngagedPeopleOptions;
  readonly #controller: Controller;
  readonly #parts: Pick<PeopleScope, 'roles' | 'clusterBindings' | 'accounts' | 'anchors'>;
  readonly #conflicts = new Map<string, readonly Conflict[]>();
  readonly #taken: TakenPlaces;
  readonly #untilKnown: UntilKnown;
  /** Accounts of those who were taken out of a binding, by its key, until they are looked at. */
  readonly #left = new Map<string, Set<string>>();
  readonly #strays: PeopleScope['strays'] = new Map();
  readonly #lingering = new LingeringTokens();
  readonly #namespace: UsersNamespace;
  #phase: Phase = 'revoking';

  constructor(options: EngagedPeopleOptions) {
    this.#options = options;
    const { cluster, log } = options;
    this.#taken = new TakenPlaces(cluster, key => this.#controller.add(key));
    this.#namespace = new UsersNamespace(memberNamespaces(cluster));
    this.#parts = {
      roles: cluster.cache.informer(ClusterRoles, MARKED),
      clusterBindings: cluster.cache.informer(ClusterRoleBindings, MARKED),
      accounts: cluster.cache.informer(ServiceAccounts, { ...OURS, metadataOnly: true }),
      anchors: cluster.cache.informer(Secrets, { ...OURS, metadataOnly: true }),
    };
    this.#controller = new Controller({
      name: 'rbac-accounts',
      log: log.child({ cluster: cluster.name }),
      concurrency: MAX_IN_FLIGHT,
      reconcile: (key, { signal }) => options.refusals.during(key, () => this.#reconcile(key, signal)),
      backoffMs: BACKOFF_MS,
    });
    this.#untilKnown = new UntilKnown(options.people, this.#controller, cluster.signal);
  }

  get queue() {
    return this.#controller.queue;
  }

  /** Everybody whom a binding names, or named before, has the account they should have, or none. */
  isDone(binding: RoleTemplateBinding): boolean {
    const left = this.#left.get(bindingKey(binding)) ?? [];
    return ![...accountsOf(binding), ...left].some(account => this.queue.has(accountKey(account)));
  }

  /** Somebody whom a binding names has no account. */
  lacks(binding: RoleTemplateBinding): boolean {
    const { people, cluster } = this.#options;
    if (people.isLocal(cluster.name)) return false;
    return accountsOf(binding).some(name => !this.#parts.accounts.get({ namespace: USERS_NAMESPACE, name }));
  }

  /** What the cluster refuses of the accounts that a binding is waiting for. */
  refused(binding: RoleTemplateBinding): Obstacle | undefined {
    const { cluster, refusals } = this.#options;
    const left = this.#left.get(bindingKey(binding)) ?? [];
    const refused = refusals.of([...accountsOf(binding), ...left].map(accountKey));
    return obstacleOf(refused, { where: `cluster ${cluster.name}`, holdsUp: false });
  }

  /** What an access hangs on is as it should be. */
  isAccessDone(uid: string, account: string): boolean {
    return this.#phase === 'granting' && ![accessKey(uid), accountKey(account)].some(key => this.queue.has(key));
  }

  /** What stands in the way of an access. */
  conflicts(uid: string, account: string): Conflict[] {
    return [accessKey(uid), accountKey(account)].flatMap(key => this.#conflicts.get(key) ?? []);
  }

  /** The Secret downstream that an access's token is to be bound to; undefined of one that is Terminating. */
  anchor(name: string): KubeObject | undefined {
    const found = this.#secret(name);
    return found?.metadata?.deletionTimestamp === undefined ? found : undefined;
  }

  #secret(name: string): KubeObject | undefined {
    return this.#parts.anchors.get({ namespace: USERS_NAMESPACE, name });
  }

  async whenSynced(signal: AbortSignal): Promise<void> {
    const { cluster, people } = this.#options;
    const informers = [...Object.values(this.#parts), memberNamespaces(cluster)];
    await Promise.all([people.whenSynced(signal), ...informers.map(informer => informer.whenSynced(signal))]);
  }

  /** Follows both sides; nothing is done before {@link start}. */
  watch(): void {
    const { cluster, people } = this.#options;
    const unsubscribe = people.subscribe(change => this.#hubChanged(change));
    cluster.signal.addEventListener('abort', unsubscribe, { once: true });
    this.#options.guards.follow(cluster.name, () => this.#addAll(), cluster.signal);
    const { roles, clusterBindings, accounts, anchors } = this.#parts;
    const own = { ownWrites: false };
    const ofRole = (object: KubeObject) => (isDownstream(object) ? keysOf(accountOfRole(object)) : []);
    this.#controller
      .watches(roles, ofRole, own)
      .watches(clusterBindings, ofRole, own)
      .watches(accounts, ({ metadata }) => keysOf(metadata?.name), own)
      .watches(anchors, ({ metadata }) => [accessKey(accessOfSecret(metadata?.name ?? ''))], own);
  }

  start(ends: AbortSignal): void {
    this.#addAll();
    this.#controller.start(ends);
  }

  /** What no binding and no access explains is gone: now is given what they ask for. */
  grant(): void {
    this.#phase = 'granting';
    this.#addAll();
  }

  stopped(): Promise<void> {
    return this.#controller.stopped();
  }

  #addAll(): void {
    const { cluster, people } = this.#options;
    const { roles, clusterBindings, accounts, anchors } = this.#parts;
    const wanted = people.all(cluster.name);
    const held = [...roles.list(), ...clusterBindings.list()].filter(isDownstream).map(accountOfRole);
    const keys = [
      ...wanted.accounts,
      ...held.filter(account => account !== undefined),
      ...accounts.list().map(({ metadata }) => metadata?.name ?? ''),
    ].map(accountKey);
    const secrets = anchors.list().map(({ metadata }) => accessOfSecret(metadata?.name ?? ''));
    const all = [...keys, ...[...wanted.accesses, ...secrets].map(accessKey)];
    for (const key of new Set(all)) this.#controller.add(key, { priority: 'background' });
  }

  #hubChanged({ cluster, accounts, accesses, left }: PeopleChange): void {
    if (cluster !== this.#options.cluster.name) return;
    if (left) this.#left.set(left.binding, new Set([...(this.#left.get(left.binding) ?? []), ...left.accounts]));
    for (const account of accounts) this.#controller.add(accountKey(account));
    for (const uid of accesses) this.#controller.add(accessKey(uid));
  }

  async #reconcile(key: string, signal: AbortSignal): Promise<Result | undefined> {
    const { people, cluster, hub, fieldManager, guards } = this.#options;
    const clusterUid = people.clusterUid(cluster.name);
    if (!people.known || clusterUid === undefined) return this.#untilKnown.wait(key);
    const client = cluster.client.as(fieldManager);
    const origin = { cluster: { name: cluster.name, uid: clusterUid }, hub };
    const scope: PeopleScope = {
      ...this.#parts,
      client,
      people,
      origin,
      usersNamespace: ends => this.#namespace.ensure(client, origin, ends),
      phase: guards.areProven(cluster.name) ? this.#phase : 'revoking',
      strays: this.#strays,
      lingering: this.#lingering,
      signal,
    };
    const [kind = '', name = ''] = key.split('/');
    const reconcile = kind === 'access' ? reconcileAnchor : reconcileAccount;
    const { conflicts, requeueAfterMs, account } = await reconcile(scope, name);
    if (account) this.#addLater(accountKey(account.name), account.afterMs);
    if (conflicts.length > 0) this.#conflicts.set(key, conflicts);
    else this.#conflicts.delete(key);
    this.#taken.set(key, conflicts);
    if (kind === 'account') this.#anchor(name);
    setImmediate(() => this.#tell(kind, name));
    return requeueAfterMs === undefined ? undefined : { requeueAfterMs };
  }

  /** Without the key counting as one that waits, which would hold up confirmations. */
  #addLater(key: string, afterMs: number): void {
    const add = () => {
      if (!this.#options.cluster.signal.aborted) this.#controller.add(key);
    };
    if (afterMs <= 0) add();
    else setTimeout(add, afterMs).unref();
  }

  /** Accesses of this account whose token has nothing yet that it could be bound to. */
  #anchor(account: string): void {
    const { people, cluster } = this.#options;
    for (const uid of people.accessesOf(cluster.name, account))
      if (!this.#secret(accessSecretName(uid)) && people.isGood(uid)) this.#controller.add(accessKey(uid));
  }

  #tell(kind: string, name: string): void {
    const { people, cluster, settled } = this.#options;
    if (kind === 'access') {
      const access = people.access(name);
      if (access) settled({ bindings: [], accesses: [keyOfAccess(access)] });
      return;
    }
    const { bindings, accesses } = people.reasonsFor(cluster.name, name);
    const left = [...this.#left].filter(([, accounts]) => accounts.delete(name));
    for (const [binding, accounts] of left) if (accounts.size === 0) this.#left.delete(binding);
    settled({ bindings: [...bindings, ...left.map(([binding]) => binding)], accesses });
  }
}

const accountKey = (account: string) => `account/${account}`;
const accessKey = (uid: string) => `access/${uid}`;
const keysOf = (account: string | undefined) => (account === undefined ? [] : [accountKey(account)]);
