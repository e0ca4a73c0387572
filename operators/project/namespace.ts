import {
  clusterNamespace,
  isPaused,
  isReservedNamespace,
  LABEL_OWNER,
  LABEL_PROJECT,
  ownerLabel,
  type Project,
} from '#api';
import { type Client, type Cluster, hasFinalizer, Namespaces, type ReconcileContext, type Result } from '#runtime';
import { isProtectedNamespace, isTerminating, type MemberNamespace, membershipOf } from '../engagement/membership.ts';
import type { Verdicts } from '../engagement/verdicts.ts';
import type { NamespaceLimits } from '../membership/namespace-limits.ts';
import type { Conflict, Conflicts } from './conflicts.ts';
import { type DefaultProjects, labelByDefault } from './default-projects.ts';
import { FINALIZER } from './deletion.ts';
import { DeliveryError, deliver } from './delivery.ts';
import { label, unlabel } from './labelling.ts';
import type { Members } from './members.ts';
import { kindsOf, type Plans } from './plans.ts';
import { POLICY_NAME } from './policies.ts';
import type { Quotas } from './quotas.ts';
import type { UnknownProjects } from './unknown-projects.ts';

/** Everything a namespace's reconcile reads and writes by. */
export interface NamespaceScope {
  readonly cluster: Cluster;
  readonly client: Client;
  readonly plans: Plans;
  readonly members: Members;
  readonly conflicts: Conflicts;
  readonly quotas: Quotas;
  readonly limits: Pick<NamespaceLimits, 'beyond'>;
  readonly deletions: Pick<Verdicts<Project>, 'verdict'>;
  readonly defaults: DefaultProjects;
  readonly unknown: UnknownProjects;
  readonly hub: string;
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
  { client, cluster, defaults, members, plans }: NamespaceScope,
  namespace: MemberNamespace,
  signal: AbortSignal,
): Promise<MemberNamespace> {
  const name = defaults.of(namespace);
  const project = name === undefined ? undefined : plans.project(cluster.name, name);
  if (name === undefined || !project || project.metadata.deletionTimestamp) return namespace;
  if (isPaused(project.metadata) || !hasFinalizer(project, FINALIZER)) return namespace;
  await labelByDefault(client, namespace, name, signal);
  return members.namespaces.get({ name: namespace.metadata?.name ?? '' }) ?? namespace;
}

/** A member: it gets what the project gives. */
async function join(
  scope: NamespaceScope,
  namespace: MemberNamespace,
  project: Project,
  signal: AbortSignal,
): Promise<Result | undefined> {
  const { client, plans, members, conflicts, quotas, limits, hub } = scope;
  const { name = '' } = namespace.metadata ?? {};
  // first, since a shared object may select by the labels that the project gives
  const labelled = await settled(label(client, namespace, project, signal));
  const { labels } = (members.namespaces.get({ name }) ?? namespace).metadata ?? {};
  const plan = plans.get(project);
  const complete = plans.complete(project);
  for (const kind of kindsOf(plan)) members.watch(kind); // once it is read, the namespace is looked at again
  const quota = quotas.templateFor(project, name);
  const restrictions = [...plan.policies, ...(typeof quota === 'object' ? [quota] : [])];
  const readable = restrictions.filter(({ kind }) => members.isRead(kind));
  const isServed = !limits.beyond(project.metadata.name ?? '').has(name);
  const copies = isServed ? plan.templates.filter(({ selector }) => selector.matches(labels)) : [];
  const templates = [...readable, ...copies];
  const keep = new Set(
    (isServed ? plan.refusals : []).filter(isUnreadable).map(({ kind, name: source }) => `${kind} ${source}`),
  );
  if (quota === 'wait') keep.add(`ResourceQuota ${POLICY_NAME}`);
  const context = { client, members, conflicts, hub, signal };
  const delivered = await settled(deliver(context, { namespace: name, templates, prune: complete, keep }));
  scope.report(name, project, delivered.status === 'fulfilled' ? delivered.value : conflictsOf(delivered.reason));
  if (delivered.status === 'rejected') throw delivered.reason;
  if (labelled.status === 'rejected') throw labelled.reason;
  if (labelled.value === 'keptSecurity') return { requeueAfterMs: ACCESS_RETRY_MS };
  if (!complete) return { requeueAfterMs: UNKNOWN_RETRY_MS };
  return delivered.value.some(({ reason }) => reason === 'Forbidden' || reason === 'Invalid')
    ? { requeueAfterMs: REFUSED_RETRY_MS }
    : undefined;
}

/**
 * Its project is paused, or unknown: one that is not there was not deleted through its finalizer. What that
 * project gave stays. What others gave goes, since the namespace's own label says that it left them.
 */
async function hold(
  scope: NamespaceScope,
  namespace: MemberNamespace,
  projectName: string,
  signal: AbortSignal,
): Promise<Result | undefined> {
  const { client, members, conflicts, hub, plans, cluster, unknown } = scope;
  const { name = '' } = namespace.metadata ?? {};
  const owner = ownerLabel('project', projectName);
  const given = members.copiesIn(name).filter(({ copy }) => copy.metadata?.labels?.[LABEL_OWNER] === owner);
  const keep = new Set(given.map(({ kind, copy }) => `${kind} ${copy.metadata?.name}`));
  await deliver({ client, members, conflicts, hub, signal }, { namespace: name, templates: [], prune: true, keep });
  if (plans.project(cluster.name, projectName)) return undefined;
  scope.report(name, undefined, []);
  if (!plans.projects.known) return undefined;
  const afterMs = unknown.found(namespace, projectName);
  return afterMs === undefined ? undefined : { requeueAfterMs: afterMs };
}

/** In no project: nothing of any project is left on it. Its own label says so, whatever the hub holds. */
async function free(
  scope: NamespaceScope,
  namespace: MemberNamespace,
  signal: AbortSignal,
): Promise<Result | undefined> {
  const { client, members, conflicts, hub } = scope;
  const { name = '' } = namespace.metadata ?? {};
  const context = { client, members, conflicts, hub, signal };
  await deliver(context, { namespace: name, templates: [], prune: true, keep: new Set() });
  const left = await unlabel(client, namespace, signal);
  scope.report(name, undefined, []);
  return left === 'keptSecurity' ? { requeueAfterMs: ACCESS_RETRY_MS } : undefined;
}

/** A member of a project that is being deleted: detached, or deleted with it. The membership label goes last. */
async function leave(
  scope: NamespaceScope,
  namespace: MemberNamespace,
  project: Project,
  signal: AbortSignal,
): Promise<Result | undefined> {
  const { client, deletions } = scope;
  const { name = '', uid, resourceVersion } = namespace.metadata ?? {};
  const verdict = await deletions.verdict(project, signal);
  if (verdict === undefined) return { requeueAfterMs: UNKNOWN_RETRY_MS };
  if (verdict !== 'clean') return undefined;
  if (project.spec.deletionPolicy === 'Delete' && !isProtectedNamespace(name)) {
    await client.delete(Namespaces, { name }, { uid, signal });
    scope.report(name, undefined, []);
    return undefined;
  }
  const freed = await free(scope, namespace, signal);
  const current = scope.members.namespaces.get({ name });
  const patch = {
    metadata: {
      uid,
      resourceVersion: current?.metadata?.resourceVersion ?? resourceVersion,
      labels: { [LABEL_PROJECT]: null },
    },
  };
  await client.mergePatch(Namespaces, { name }, patch, { signal });
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

function isUnreadable({ reason }: { readonly reason: string }): boolean {
  return reason === 'InvalidSelector';
}

function conflictsOf(error: unknown): readonly Conflict[] {
  return error instanceof DeliveryError ? error.conflicts : [];
}
