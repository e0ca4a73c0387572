import {
  type ClusterAccess,
  type Cluster as ClusterObject,
  parseClusterNamespace,
  type RoleTemplateBinding,
} from '#api';
import { findCondition, hasFinalizer, keyOf, keyString, type Watched } from '#runtime';
import { isSurplus, MOST_VALID } from './access-limit.ts';
import { accountName, type Person } from './account.ts';
import { FINALIZER } from './deletion.ts';
import { placeOf, type Standing } from './grants.ts';
import type { Installed } from './installed.ts';
import { bindingKey, type HubSays, matters } from './says.ts';
import type { Sources } from './sources.ts';
import { KnownSignal } from './until-known.ts';

/** What may have changed on one cluster. */
export interface PeopleChange {
  readonly cluster: string;
  /** Names of ServiceAccounts. */
  readonly accounts: ReadonlySet<string>;
  /** uids of ClusterAccesses. */
  readonly accesses: ReadonlySet<string>;
  /** Accounts of those who were taken out of a binding, and its key. */
  readonly left?: { readonly binding: string; readonly accounts: readonly string[] };
}

/** What a cluster is to have for somebody. */
export interface PersonFacts {
  /** Undefined where nobody is behind the account. */
  readonly person: Person | undefined;
  readonly standing: Standing;
}

/** Reasons of Ready of a ClusterAccess that is over for good. */
export const OVER = ['Expired', 'NoLongerBound', 'CredentialsDeleted', 'TooMany'] as const;

const BY_ACCOUNT = 'account';
const BY_NAMED = 'named';
const BY_UID = 'uid';

const named = (cluster: string, kind: string, name: string) => `${cluster}/${kind}/${name}`;

/** What the hub says about people: who is bound on a cluster, and who has a kubeconfig for it. */
export class HubPeople {
  readonly accesses: Watched<ClusterAccess>;
  readonly #says: HubSays;
  readonly #clusters: Watched<ClusterObject>;
  readonly #kind: Installed;
  readonly #subscribers = new Set<(change: PeopleChange) => void>();
  readonly #whenKnown = new KnownSignal(() => this.known);
  /** uids of accesses that somebody deleted, which was read from the server. */
  readonly #revoked = new Set<string>();

  constructor({ accesses, clusters, installed }: Sources, says: HubSays) {
    this.#says = says;
    this.#clusters = clusters;
    this.accesses = accesses;
    this.#kind = installed.accesses;
    says.bindings.addIndex(BY_ACCOUNT, binding =>
      accountsOf(binding).map(account => `${clusterOf(binding)}/${account}`),
    );
    says.bindings.addIndex(BY_NAMED, binding => namesOf(binding));
    this.accesses.addIndex(BY_ACCOUNT, access => [`${clusterOfAccess(access)}/${accountName(access.spec.user)}`]);
    this.accesses.addIndex(BY_NAMED, access => subjectsOf(access));
    this.accesses.addIndex(BY_UID, ({ metadata }) => [metadata.uid ?? '']);
  }

  /** Everything has been read and can be read now: what is not there was taken away. */
  get known(): boolean {
    return this.#says.known && this.#read.every(({ known }) => known);
  }

  /** As {@link HubSays.onKnown}. */
  onKnown(told: () => void): () => void {
    return this.#whenKnown.subscribe(told);
  }

  /** The kind is being uninstalled: accesses that go from now on were not taken from anybody. */
  letGo(): void {
    this.#kind.letGo();
  }

  async whenSynced(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#read.map(each => each.whenSynced(signal)));
  }

  access(uid: string): ClusterAccess | undefined {
    return this.accesses.byIndex(BY_UID, uid)[0];
  }

  /** The accounts that a cluster is to have, and the accesses that it has to do with. */
  all(cluster: string): PeopleChange {
    const bindings = this.#says.bindingsIn(cluster);
    return this.#change(cluster, bindings, this.#accessesTo(cluster));
  }

  /** Keys of the bindings and accesses that an account is there for. */
  reasonsFor(cluster: string, account: string): { readonly bindings: string[]; readonly accesses: string[] } {
    const key = `${cluster}/${account}`;
    const bindings = this.#says.bindings.byIndex(BY_ACCOUNT, key).map(bindingKey);
    return { bindings, accesses: this.accesses.byIndex(BY_ACCOUNT, key).map(accessKey) };
  }

  /** uids of the accesses that an account is there for. */
  accessesOf(cluster: string, account: string): string[] {
    return this.accesses.byIndex(BY_ACCOUNT, `${cluster}/${account}`).map(({ metadata }) => metadata.uid ?? '');
  }

  /** Keys of all accesses to a cluster. */
  keysIn(cluster: string): string[] {
    return this.#accessesTo(cluster).map(accessKey);
  }

  /** uid of a Cluster; undefined where there is none. */
  clusterUid(cluster: string): string | undefined {
    return this.#clusters.get({ name: cluster })?.metadata.uid;
  }

  /** Who is behind an account on a cluster, and how they stand there. */
  behind(cluster: string, account: string): PersonFacts {
    const key = `${cluster}/${account}`;
    const bindings = this.#says.bindings.byIndex(BY_ACCOUNT, key);
    const accesses = this.accesses.byIndex(BY_ACCOUNT, key);
    const [binding] = bindings;
    const name = accesses[0]?.spec.user ?? (binding && usersOf(binding).get(account));
    if (name === undefined || this.isLocal(cluster)) return { person: undefined, standing: 'none' };
    const groups = accesses.filter(access => this.standing(access) !== 'none').flatMap(({ spec }) => spec.groups ?? []);
    const standing = mostOf(this.#standings(bindings, accesses));
    return { person: { name, groups: [...new Set(groups)].sort() }, standing };
  }

  /** Whether a kubeconfig is good: its ClusterAccess stands, is not over, and a binding names somebody it acts as. */
  standing(access: ClusterAccess): Standing {
    const cluster = clusterOfAccess(access);
    if (cluster === undefined || !hasFinalizer(access, FINALIZER) || isOver(access)) return 'none';
    if (this.isLocal(cluster)) return 'none';
    if (access.metadata.deletionTimestamp) return this.isRevoked(access) ? 'none' : 'kept';
    return this.isBound(access) ? 'granted' : 'none';
  }

  /** As {@link standing}, of an access that is granted. */
  isGood(uid: string): boolean {
    const access = this.access(uid);
    return access !== undefined && this.standing(access) === 'granted';
  }

  /** Whether its person has so many valid accesses on the cluster that are older that this one is refused. */
  isSurplus(access: ClusterAccess): boolean {
    const all = this.accesses.byIndex(BY_ACCOUNT, `${clusterOfAccess(access)}/${accountName(access.spec.user)}`);
    return all.length > MOST_VALID && isSurplus(access, all.filter(isValid));
  }

  /** Whether a binding names the user of an access, or one of its groups, on its cluster. */
  isBound(access: ClusterAccess): boolean {
    const bindings = subjectsOf(access).flatMap(name => this.#says.bindings.byIndex(BY_NAMED, name));
    return bindings.some(binding => this.#says.standing(binding) !== 'none');
  }

  /** Where the hub is the cluster a token could ask for the next one: nobody has an account there. */
  isLocal(cluster: string): boolean {
    return this.#clusters.get({ name: cluster })?.spec.connection.local !== undefined;
  }

  /** Somebody deleted this access: its kubeconfig ends. */
  revoke(access: ClusterAccess): void {
    const { uid = '' } = access.metadata;
    if (this.#revoked.has(uid)) return;
    this.#revoked.add(uid);
    this.#tell([], [access]);
  }

  /** Somebody deleted this access, which was read from the server. */
  isRevoked({ metadata }: ClusterAccess): boolean {
    return this.#revoked.has(metadata.uid ?? '');
  }

  subscribe(changed: (change: PeopleChange) => void): () => void {
    this.#subscribers.add(changed);
    return () => this.#subscribers.delete(changed);
  }

  /** Begins to tell its subscribers. */
  follow(): void {
    const says = this.#says;
    says.bindings.subscribe({
      applied: (binding, old) => {
        if (!old || matters(binding, old)) this.#tell(old ? [old, binding] : [binding], [], leftOf(binding, old));
      },
      deleted: binding => this.#tell([binding]),
    });
    says.subscribe(({ place, template }) => {
      const bindings = place ? says.bindingsIn(place.cluster, place) : says.bindingsOf(template ?? '');
      this.#tell(bindings.filter(({ spec }) => template === undefined || spec.roleTemplateName === template));
    });
    const known = this.#whenKnown.partKnown;
    says.onKnown(known);
    this.#clusters.subscribe({ known, applied: () => undefined, deleted: () => undefined });
    this.accesses.subscribe({
      known,
      applied: access => this.#tell([], [access]),
      deleted: access => {
        this.#revoked.delete(access.metadata.uid ?? '');
        this.#tell([], [access]);
      },
    });
  }

  get #read() {
    return [this.accesses, this.#kind, this.#clusters] as const;
  }

  #accessesTo(cluster: string): ClusterAccess[] {
    return this.accesses.list().filter(access => clusterOfAccess(access) === cluster);
  }

  *#standings(bindings: readonly RoleTemplateBinding[], accesses: readonly ClusterAccess[]): Iterable<Standing> {
    for (const binding of bindings) yield this.#says.standing(binding);
    for (const access of accesses) yield this.standing(access);
  }

  #tell(
    bindings: readonly RoleTemplateBinding[],
    accesses: readonly ClusterAccess[] = [],
    left?: PeopleChange['left'],
  ): void {
    const clusters = new Set([...bindings.map(clusterOf), ...accesses.map(clusterOfAccess)]);
    for (const cluster of clusters) {
      if (cluster === undefined) continue;
      const change = this.#change(
        cluster,
        bindings.filter(binding => clusterOf(binding) === cluster),
        accesses.filter(access => clusterOfAccess(access) === cluster),
      );
      for (const subscriber of this.#subscribers) subscriber(left ? { ...change, left } : change);
    }
  }

  /** Accesses hang on the bindings of their users and groups; what an account may be, on its accesses. */
  #change(cluster: string, bindings: readonly RoleTemplateBinding[], accesses: readonly ClusterAccess[]): PeopleChange {
    const names = new Set(bindings.flatMap(namesOf));
    const touched = [...accesses, ...[...names].flatMap(name => this.accesses.byIndex(BY_NAMED, name))];
    const users = bindings.flatMap(accountsOf);
    return {
      cluster,
      accounts: new Set([...users, ...touched.map(({ spec }) => accountName(spec.user))]),
      accesses: new Set(touched.map(({ metadata }) => metadata.uid ?? '')),
    };
  }
}

/** The cluster that an access is for: the one in whose namespace it lives. */
export function clusterOfAccess({ metadata }: ClusterAccess): string | undefined {
  return parseClusterNamespace(metadata.namespace ?? '');
}

export function accessKey(access: ClusterAccess): string {
  return keyString(keyOf(access));
}

export function isOver({ status }: ClusterAccess): boolean {
  const reason = findCondition(status?.conditions, 'Ready')?.reason;
  return OVER.some(over => over === reason);
}

/** Neither over nor being deleted. */
const isValid = (access: ClusterAccess) => !access.metadata.deletionTimestamp && !isOver(access);

const BY_RANK: readonly Standing[] = ['none', 'kept', 'granted'];

/** The one that gives most; when that is all, no more are asked for. */
function mostOf(standings: Iterable<Standing>): Standing {
  let most = 0;
  for (const standing of standings) {
    most = Math.max(most, BY_RANK.indexOf(standing));
    if (standing === 'granted') break;
  }
  return BY_RANK[most] ?? 'none';
}

const clusterOf = (binding: RoleTemplateBinding) => placeOf(binding)?.cluster;

/** Users and groups: service accounts of a cluster get no account of ours. */
function peopleOf(binding: RoleTemplateBinding) {
  return clusterOf(binding) === undefined ? [] : binding.spec.subjects.filter(({ kind }) => kind !== 'ServiceAccount');
}

/** The accounts of the users that a binding names. */
export function accountsOf(binding: RoleTemplateBinding): string[] {
  return [...usersOf(binding).keys()];
}

/** Hashed once for each version of a binding. */
const USERS = new WeakMap<RoleTemplateBinding, ReadonlyMap<string, string>>();

/** The users that a binding names, by their accounts. */
function usersOf(binding: RoleTemplateBinding): ReadonlyMap<string, string> {
  let users = USERS.get(binding);
  if (!users) {
    const names = peopleOf(binding).flatMap(({ kind, name }) => (kind === 'User' ? [name] : []));
    users = new Map(names.map(name => [accountName(name), name]));
    USERS.set(binding, users);
  }
  return users;
}

function leftOf(binding: RoleTemplateBinding, old: RoleTemplateBinding | undefined): PeopleChange['left'] {
  if (!old) return undefined;
  const now = new Set(accountsOf(binding));
  const accounts = accountsOf(old).filter(account => !now.has(account));
  return accounts.length > 0 ? { binding: bindingKey(binding), accounts } : undefined;
}

function namesOf(binding: RoleTemplateBinding): string[] {
  const cluster = clusterOf(binding) ?? '';
  return peopleOf(binding).map(({ kind, name }) => named(cluster, kind, name));
}

function subjectsOf(access: ClusterAccess): string[] {
  const cluster = clusterOfAccess(access) ?? '';
  const { user, groups = [] } = access.spec;
  return [named(cluster, 'User', user), ...groups.map(group => named(cluster, 'Group', group))];
}
