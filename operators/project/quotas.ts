import { isPaused, ownerLabel, type Project, ProjectResource } from '#api';
import {
  type Client,
  type Cluster,
  Controller,
  hasFinalizer,
  type JsonPatchOperation,
  jsonEqual,
  type Logger,
  type Result,
} from '#runtime';
import { isTerminating, membershipOf } from '../engagement/membership.ts';
import { POLICY_NAME } from '../engagement/policy-kinds.ts';
import type { NamespaceLimits } from '../membership/namespace-limits.ts';
import { FINALIZER } from './deletion.ts';
import type { Template } from './desired.ts';
import type { Copy } from './kinds.ts';
import { type Members, ownerProject } from './members.ts';
import { type Plans, projectsOf } from './plans.ts';
import type { Amounts, Books } from './quota.ts';
import { type Ledger, Round, revisionOf, type Shares } from './quota-round.ts';
import { quotaOf } from './quota-share.ts';
import { excessOf } from './quota-used.ts';

export interface QuotasOptions {
  readonly cluster: Cluster;
  /** Writes the hub. */
  readonly client: Client;
  readonly plans: Plans;
  readonly members: Members;
  readonly limits: Pick<NamespaceLimits, 'beyond'>;
  readonly log: Logger;
  readonly backoffMs: readonly [number, number];
  /** What the namespace is to have may be another now. */
  readonly changed: (namespace: string) => void;
  /** A project's quota was dealt out. */
  readonly dealt: (project: Project, shares: Shares) => void;
}

/** For so long changes of a project's namespaces are gathered before its quota is dealt out, ms. */
const GATHER_MS = 20;
/** The same for what is used of it. */
const USED_MS = 250;
/**
 * For so long what a namespace was promised is kept for it after it has left, ms: a write that was begun while it was a
 * member may still arrive, and its new project's ResourceQuota, or none, does not keep it off.
 */
const DEPARTING_MS = 3_000;

/**
 * Deals out the quotas of the projects of one engaged cluster: the ledger is written first, by compare and swap; only
 * then are the shares told, by which namespaces are given their ResourceQuotas. See docs/decisions/0021.
 */
export class Quotas {
  readonly #options: QuotasOptions;
  readonly #controller: Controller;
  readonly #shares = new Map<string, Shares>();
  /** By project: since when namespaces that its ledger still names are neither members nor hold anything. */
  readonly #departed = new Map<string, ReadonlyMap<string, number>>();

  constructor(options: QuotasOptions) {
    this.#options = options;
    const { cluster, log, backoffMs } = options;
    this.#controller = new Controller({
      name: 'project-quotas',
      log: log.child({ cluster: cluster.name }),
      reconcile: (name, { signal }) => this.#reconcile(name, signal),
      backoffMs,
    });
  }

  /** What was dealt out of a project's quota, if that is still so. */
  of(project: Project): Shares | undefined {
    const shares = this.#shares.get(project.metadata.name ?? '');
    return shares?.revision === project.status?.quota?.revision ? shares : undefined;
  }

  /**
   * The ResourceQuota that a member is to have now. `wait`: it may be another one than it has, and is not known, so it
   * keeps what it has. Undefined: its project has no quota.
   */
  templateFor(project: Project, namespace: string): Template | 'wait' | undefined {
    if (!project.spec.resourceQuota) return undefined;
    const template = this.of(project)?.templates.get(namespace);
    if (!template) return 'wait';
    const held = this.#options.members.copy(template, namespace);
    // written under a later ledger than the one that this share is of
    const isLate = held !== undefined && isOf(held, project) && (revisionOf(held) ?? 0) > (revisionOf(template) ?? 0);
    return isLate ? 'wait' : template;
  }

  /** Has the project's quota dealt out again. */
  add(project: string): void {
    this.#controller.add(project, { afterMs: GATHER_MS });
  }

  /** Follows projects and ResourceQuotas from now on; members are told by `add`. */
  follow(): void {
    const { cluster, members, plans } = this.#options;
    const names = (project: Project, old: Project | undefined) =>
      this.#isOurs(project) || (old && this.#isOurs(old)) ? [project.metadata.name ?? ''] : [];
    this.#controller
      .watches(plans.projects, names, { predicate: isOtherwiseDealt })
      // what this process writes to the ledger itself it knows
      .watches(plans.projects, names, { predicate: isLedgerChanged, ownWrites: false });
    members.follow((informer, kind) => {
      if (kind !== 'ResourceQuota') return;
      const owner = (copy: Copy) => [ownerProject(copy.metadata?.labels) ?? ''].filter(Boolean);
      this.#controller.watches(informer, (copy, old) => [...owner(copy), ...(old ? owner(old) : [])], {
        afterMs: USED_MS,
      });
      void informer.whenSynced(cluster.signal).then(
        () => this.addAll(),
        () => undefined, // let go before it was read
      );
    });
  }

  addAll(): void {
    const { cluster, plans } = this.#options;
    for (const project of projectsOf(plans, cluster.name))
      if (this.#isOurs(project)) this.#controller.add(project.metadata.name ?? '');
  }

  /** A project of the cluster that has a quota, or a ledger of one. */
  #isOurs({ metadata, spec, status }: Project): boolean {
    const isHere = metadata.namespace === `c-${this.#options.cluster.name}`;
    return isHere && (spec.resourceQuota !== undefined || status?.quota !== undefined);
  }

  start(signal: AbortSignal): void {
    this.addAll();
    this.#controller.start(signal);
  }

  /** Resolves when everything that is known to do has been done. */
  async whenIdle(): Promise<void> {
    await this.#controller.queue.whenIdle();
  }

  async stopped(): Promise<void> {
    await this.#controller.stopped();
  }

  async #reconcile(name: string, signal: AbortSignal): Promise<Result | undefined> {
    const { cluster, plans, members } = this.#options;
    const project = plans.project(cluster.name, name);
    const quota = project && quotaOf(project.spec);
    const isActive = project && !isPaused(project.metadata) && !project.metadata.deletionTimestamp;
    if (!project || !isActive || !hasFinalizer(project, FINALIZER)) return undefined;
    if (!quota) {
      this.#shares.delete(name);
      if (project.status?.quota) await this.#write(project, undefined, signal);
      return undefined;
    }
    members.watch('ResourceQuota');
    if (!members.isRead('ResourceQuota')) return undefined; // dealt out once it is
    const left = this.#left(project);
    const round = new Round(project, quota, members, { ...left, beyond: this.#options.limits.beyond(name) });
    const { ledger } = round;
    if (!jsonEqual(ledger, project.status?.quota)) await this.#write(project, ledger, signal);
    else if (!this.#isInPlace(round) && !(await this.#stands(project, signal))) return { requeueAfterMs: USED_MS };
    const shares = round.shares(this.#shares.get(name), plans.owner(project));
    this.#shares.set(name, shares);
    for (const [namespace, template] of shares.templates)
      if (!members.isRight(template, namespace)) this.#options.changed(namespace);
    this.#options.dealt(project, shares);
    return left.departing.size + left.taken.size > 0 ? { requeueAfterMs: DEPARTING_MS } : undefined;
  }

  /**
   * The namespaces of the ledger that are no members any more. In one that is Terminating nothing can be made, but what
   * is there goes on as long as it takes to end: a Pod says itself how long it may.
   */
  #left({ metadata, status }: Project): Required<Pick<Books, 'departing' | 'taken'>> {
    const { members } = this.#options;
    const { name = '' } = metadata;
    const held = new Set(
      members
        .ofOwner('ResourceQuota', ownerLabel('project', name))
        .map(({ metadata: { namespace } = {} }) => namespace),
    );
    const before = this.#departed.get(name);
    const now = performance.now();
    const since = new Map<string, number>();
    const departing = new Set<string>();
    const taken = new Map<string, Amounts>();
    for (const each of Object.keys(status?.quota?.namespaces ?? {})) {
      const namespace = members.namespaces.get({ name: each });
      if (!namespace) continue;
      if (isTerminating(namespace)) departing.add(each);
      else if (membershipOf(namespace) !== name && !held.has(each)) since.set(each, before?.get(each) ?? now);
    }
    for (const [each, left] of since) {
      if (now - left < DEPARTING_MS) departing.add(each);
      const { quota } = members.copy({ kind: 'ResourceQuota', name: POLICY_NAME }, each) ?? {};
      const excess = quota && excessOf(quota);
      if (excess && excess.size > 0) taken.set(each, excess);
    }
    if (since.size > 0) this.#departed.set(name, since);
    else this.#departed.delete(name);
    return { departing, taken };
  }

  /** Every namespace has what it is to have, so nothing will be written. */
  #isInPlace(round: Round): boolean {
    return [...round.wanted.values()].every(({ isRight }) => isRight);
  }

  /** Whether the ledger in the hub is the one that is known here: what would be written now is promised by it. */
  async #stands(project: Project, signal: AbortSignal): Promise<boolean> {
    const { name = '', namespace = '', uid } = project.metadata;
    const live = await this.#options.client.find(ProjectResource, { name, namespace }, { signal });
    return live?.metadata.uid === uid && jsonEqual(live?.status?.quota, project.status?.quota);
  }

  /**
   * By compare and swap: of the ledger, where there is one, so that the rest of the status may change meanwhile.
   * @throws ApiError 409 or 422 when it is another by now
   */
  async #write(project: Project, quota: Ledger | undefined, signal: AbortSignal): Promise<void> {
    const { name = '', namespace = '', uid, resourceVersion } = project.metadata;
    const path = '/status/quota';
    const revision = project.status?.quota?.revision;
    const unchanged: JsonPatchOperation[] =
      revision === undefined
        ? [{ op: 'replace', path: '/metadata/resourceVersion', value: resourceVersion }]
        : [
            { op: 'test', path: '/metadata/uid', value: uid },
            { op: 'test', path: `${path}/revision`, value: revision },
          ];
    const change: JsonPatchOperation =
      quota === undefined
        ? { op: 'remove', path }
        : project.status
          ? { op: 'add', path, value: quota }
          : { op: 'add', path: '/status', value: { quota } };
    const patch = [...unchanged, change];
    await this.#options.client.jsonPatch(ProjectResource, { name, namespace }, patch, {
      subresource: 'status',
      signal,
    });
  }
}

function isOf(copy: Copy, { metadata }: Project): boolean {
  return ownerProject(copy.metadata?.labels) === metadata.name;
}

/** The quota is to be dealt out, or no longer, for another reason than its ledger. */
function isOtherwiseDealt(project: Project, old: Project | undefined): boolean {
  if (!old) return true;
  const { generation, uid } = project.metadata;
  return (
    generation !== old.metadata.generation ||
    uid !== old.metadata.uid ||
    hasFinalizer(project, FINALIZER) !== hasFinalizer(old, FINALIZER) ||
    isPaused(project.metadata) !== isPaused(old.metadata)
  );
}

function isLedgerChanged({ status }: Project, old: Project | undefined): boolean {
  return !jsonEqual(status?.quota, old?.status?.quota);
}
