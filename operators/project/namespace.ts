import { clusterNamespace, isPaused, isReservedNamespace, LABEL_PROJECT, type Project, SYSTEM_PROJECT } from '#api';
import { type Client, type Cluster, hasFinalizer, Namespaces, type ReconcileContext, type Result } from '#runtime';
import { isTerminating, type MemberNamespace, membershipOf } from '../engagement/membership.ts';
import { formerSecurity, memberSecurity, type SecurityChange, writeSecurity } from '../engagement/own-pod-security.ts';
import { POLICY_NAME } from '../engagement/policy-kinds.ts';
import type { Verdicts } from '../engagement/verdicts.ts';
import type { NamespaceLimits } from '../membership/namespace-limits.ts';
import type { Conflict, Conflicts } from './conflicts.ts';
import { type DefaultProjects, labelByDefault } from './default-projects.ts';
import { FINALIZER } from './deletion.ts';
import { DeliveryError, deliver } from './delivery.ts';
import type { FormerGrants } from './former-grants.ts';
import { isSharedKind } from './kinds.ts';
import { bringLabels, NOTHING, wantedBy, withAnnotations } from './labels.ts';
import { type Members, ownerProject } from './members.ts';
import type { OutgrownDefaults } from './outgrown-defaults.ts';
import type { Places } from './places.ts';
import { kindsOf, type Plans } from './plans.ts';
import type { Quotas } from './quotas.ts';
import type { Refusal } from './source.ts';
import { fateOf, joinedNote, type SeenJoining } from './taking-along.ts';
import type { UnknownProjects } from './unknown-projects.ts';

/** Everything a namespace's reconcile reads and writes by. */
export interface NamespaceScope {
  readonly cluster: Cluster;
  readonly client: Client;
  readonly plans: Plans;
  readonly members: Members;
  readonly conflicts: Conflicts;
  readonly formerGrants: FormerGrants;
  readonly places: Places;
  readonly quotas: Quotas;
  readonly limits: Pick<NamespaceLimits, 'beyond'>;
  readonly deletions: Pick<Verdicts<Project>, 'verdict'>;
  readonly defaults: DefaultProjects;
  readonly outgrown: OutgrownDefaults;
  readonly unknown: UnknownProjects;
  readonly hub: string;
  readonly joining: SeenJoining;
  /** Told of each namespace that its deleted project detached and did not delete, in doubt whether it may. */
  readonly kept: (namespace: string, project: Project) => void;
  /** Told after each reconcile what can't be served in the namespace. */
  readonly report: (namespace: string, project: Project | undefined, conflicts: readonly Conflict[]) => void;
}

/** How soon a target that the server refused is offered again: a quota may have been raised. */
const REFUSED_RETRY_MS = 60_000;
/** How soon it is asked again whether the hub can be read completely. */
const UNKNOWN_RETRY_MS = 5_000;
/** How soon it is asked again whether anybody has rights in a namespace by the project that it left. */
const ACCESS_RETRY_MS = 500;

/** Brings one downstream namespace to what its project wants in it, or frees it of everything that projects left. */
export async function reconcileNamespace(
  scope: NamespaceScope,
  name: string,
  { signal }: ReconcileContext,
): Promise<Result | undefined> {
  // never a member, so nothing in it was ever given; where the hub is the cluster, it holds the sources
  if (isReservedNamespace(name)) return undefined;
  const found = scope.members.namespaces.get({ name });
  if (!found || isTerminating(found)) {
    scope.unknown.forget(name);
    scope.formerGrants.forget(name);
    scope.report(name, undefined, []);
    return undefined;
  }
  const namespace = await inDefaultProject(scope, found, signal);
  const projectName = membershipOf(namespace);
  const project = projectName === undefined ? undefined : scope.plans.project(scope.cluster.name, projectName);
  if (projectName === undefined || project) scope.unknown.forget(name);
  if (projectName === undefined) return await free(scope, namespace, signal);
  if (!project || isPaused(project.metadata)) return await hold(scope, namespace, projectName, signal);
  if (project.metadata.deletionTimestamp) return await leave(scope, namespace, project, signal);
  // given is only what the finalizer takes back
  if (!hasFinalizer(project, FINALIZER)) return await hold(scope, namespace, projectName, signal);
  return await join(scope, namespace, project, signal);
}

/** Labels a namespace that names no project with its default one, if the hub has that; returns it as it is then. */
async function inDefaultProject(
  { client, cluster, defaults, members, outgrown, plans }: NamespaceScope,
  namespace: MemberNamespace,
  signal: AbortSignal,
): Promise<MemberNamespace> {
  const current = () => members.namespaces.get({ name: namespace.metadata?.name ?? '' }) ?? namespace;
  const label = defaults.outgrown(namespace);
  if (label) {
    const system = plans.project(cluster.name, SYSTEM_PROJECT);
    if (system && !isPaused(system.metadata)) await outgrown.leave(namespace, label, signal);
    return current();
  }
  const name = defaults.of(namespace);
  const project = name === undefined ? undefined : plans.project(cluster.name, name);
  if (name === undefined || !project || project.metadata.deletionTimestamp) return namespace;
  if (isPaused(project.metadata) || !hasFinalizer(project, FINALIZER)) return namespace;
  await labelByDefault(client, namespace, name, signal);
  return current();
}

/** A member: it gets what the project gives; first what limits it. */
async function join(
  scope: NamespaceScope,
  namespace: MemberNamespace,
  project: Project,
  signal: AbortSignal,
): Promise<Result | undefined> {
  const { client, plans, members, quotas, limits } = scope;
  const { name = '' } = namespace.metadata ?? {};
  const { uid = '', name: projectName } = project.metadata;
  const secured = await settled(
    secure(scope, namespace, memberSecurity(namespace, { uid, spec: project.spec }), signal),
  );
  const isServed = !limits.beyond(projectName ?? '').has(name);
  // one beyond the limit has not joined: a record of that would put it before others
  const joined = isServed ? scope.joining.annotations(project, namespace) : joinedNote(project, namespace);
  const wanted = withAnnotations(wantedBy(project.spec), joined);
  // before copies, since a shared object may select by the labels that the project gives
  const labelled = await settled(bringLabels(client, latest(scope, namespace), wanted, signal));
  const { labels } = latest(scope, namespace).metadata ?? {};
  const plan = plans.get(project);
  const complete = plans.complete(project);
  for (const kind of kindsOf(plan)) members.watch(kind); // once it is read, the namespace is looked at again
  const quota = quotas.templateFor(project, name);
  const restrictions = [...plan.policies, ...(typeof quota === 'object' ? [quota] : [])];
  const readable = restrictions.filter(({ kind }) => members.isRead(kind));
  const templates = [...readable, ...(isServed ? plan.selected.by(labels) : [])];
  const keep = new Set(
    (isServed ? plan.refusals : []).filter(keepsCopies).map(({ kind, name: source }) => `${kind} ${source}`),
  );
  if (quota === 'wait') keep.add(`ResourceQuota ${POLICY_NAME}`);
  const delivery = { namespace: name, project: projectName, templates, prune: complete, keep };
  const delivered = await settled(deliver({ ...scope, signal }, delivery));
  scope.report(
    name,
    project,
    delivered.status === 'fulfilled' ? delivered.value.conflicts : conflictsOf(delivered.reason),
  );
  if (delivered.status === 'rejected') throw delivered.reason;
  for (const phase of [secured, labelled]) if (phase.status === 'rejected') throw phase.reason;
  const { conflicts, isWaiting } = delivered.value;
  if (isWaiting) return { requeueAfterMs: ACCESS_RETRY_MS };
  if (!complete) return { requeueAfterMs: UNKNOWN_RETRY_MS };
  return conflicts.some(({ reason }) => reason === 'Forbidden' || reason === 'Invalid')
    ? { requeueAfterMs: REFUSED_RETRY_MS }
    : undefined;
}

/** Writes the labels of pod security and their record, if they are to change. */
async function secure(
  { client }: NamespaceScope,
  namespace: MemberNamespace,
  change: SecurityChange | undefined,
  signal: AbortSignal,
): Promise<void> {
  if (change) await writeSecurity(client, namespace, change, signal);
}

/** The namespace as this process wrote it last. */
function latest({ members }: NamespaceScope, namespace: MemberNamespace): MemberNamespace {
  return members.namespaces.get({ name: namespace.metadata?.name ?? '' }) ?? namespace;
}

/**
 * Its project is paused, or unknown: one that is not there was not deleted through its finalizer. What that
 * project gave stays. What others gave goes, since the namespace's own label says that it left them; but their limits are
 * replaced rather than removed, so they stay as long as their project does: who may move a namespace to a project that is
 * not there must not be rid of them.
 */
async function hold(
  scope: NamespaceScope,
  namespace: MemberNamespace,
  projectName: string,
  signal: AbortSignal,
): Promise<Result | undefined> {
  const { members, plans, cluster, unknown } = scope;
  const { name = '' } = namespace.metadata ?? {};
  const project = plans.project(cluster.name, projectName);
  const stays = members.copiesIn(name).filter(({ kind, copy }) => {
    const owner = ownerProject(copy.metadata?.labels) ?? '';
    if (owner === projectName) return true;
    const former = plans.project(cluster.name, owner);
    return !isSharedKind(kind) && former && !former.metadata.deletionTimestamp;
  });
  const keep = new Set(stays.map(({ kind, copy }) => `${kind} ${copy.metadata?.name}`));
  const delivery = { namespace: name, project: projectName, templates: [], prune: true, keep };
  const { isWaiting } = await deliver({ ...scope, signal }, delivery);
  if (!project) scope.report(name, undefined, []);
  const afterMs = project || !plans.projects.known ? undefined : unknown.found(namespace, projectName);
  if (isWaiting) return { requeueAfterMs: ACCESS_RETRY_MS };
  return afterMs === undefined ? undefined : { requeueAfterMs: afterMs };
}

/**
 * In no project: nothing of any project is left on it but the levels of pod security that were in force, which are its
 * own now. Its own label says so, whatever the hub holds.
 */
async function free(
  scope: NamespaceScope,
  namespace: MemberNamespace,
  signal: AbortSignal,
): Promise<Result | undefined> {
  const { client } = scope;
  const { name = '' } = namespace.metadata ?? {};
  const secured = await settled(secure(scope, namespace, formerSecurity(namespace), signal));
  const delivery = { namespace: name, project: undefined, templates: [], prune: true, keep: new Set<string>() };
  const delivered = await settled(deliver({ ...scope, signal }, delivery));
  const unlabelled = await settled(bringLabels(client, latest(scope, namespace), NOTHING, signal));
  scope.report(name, undefined, []);
  if (delivered.status === 'rejected') throw delivered.reason;
  for (const phase of [secured, unlabelled]) if (phase.status === 'rejected') throw phase.reason;
  return delivered.value.isWaiting ? { requeueAfterMs: ACCESS_RETRY_MS } : undefined;
}

/** A member of a project that is being deleted: detached, or deleted with it. The membership label goes last. */
async function leave(
  scope: NamespaceScope,
  namespace: MemberNamespace,
  project: Project,
  signal: AbortSignal,
): Promise<Result | undefined> {
  const { client, deletions } = scope;
  const { name = '', uid } = namespace.metadata ?? {};
  const verdict = await deletions.verdict(project, signal);
  if (verdict === undefined) return { requeueAfterMs: UNKNOWN_RETRY_MS };
  if (verdict !== 'clean') return undefined;
  const fate = project.spec.deletionPolicy === 'Delete' ? fateOf(project, namespace) : undefined;
  if (fate === 'delete') {
    await client.delete(Namespaces, { name }, { uid, signal });
    scope.report(name, undefined, []);
    return undefined;
  }
  const freed = await free(scope, namespace, signal);
  const patch = {
    metadata: {
      uid,
      resourceVersion: latest(scope, namespace).metadata?.resourceVersion,
      labels: { [LABEL_PROJECT]: null },
    },
  };
  await client.mergePatch(Namespaces, { name }, patch, { signal });
  if (fate === 'inDoubt') scope.kept(name, project);
  return freed; // what is left goes when it is a member no more
}

/** The key of the project that a namespace names, as the hub has it. */
export function memberProjectKey(cluster: string, namespace: MemberNamespace | undefined): string | undefined {
  const project = membershipOf(namespace);
  return project === undefined ? undefined : `${clusterNamespace(cluster)}/${project}`;
}

/** A phase that fails lets the next one run. */
async function settled<T>(phase: T): Promise<PromiseSettledResult<Awaited<T>>> {
  const [result] = await Promise.allSettled([phase]);
  return result;
}

/** What can't be read, or is beyond a bound, may be right again: the copies that it has stay. */
function keepsCopies({ reason }: Refusal): boolean {
  return reason !== 'Refused';
}

function conflictsOf(error: unknown): readonly Conflict[] {
  return error instanceof DeliveryError ? error.conflicts : [];
}
