import { type Project, ProjectResource } from '#api';
import { findCondition, type Recorder } from '#runtime';
import type { Conflict } from './conflicts.ts';
import type { Observation } from './engaged.ts';
import { type GivenKind, isPolicyKind, isSharedKind } from './kinds.ts';
import { ATTACHED, DETACHED, KEPT, MembershipEvents } from './membership-events.ts';
import { describeLack, describeUnreadable } from './quota-facts.ts';
import type { Shares } from './quota-round.ts';
import { CONFLICTS_SHOWN } from './status.ts';

/**
 * Tells on a Project what a person would ask about: namespaces that came and went, conflicts found and
 * resolved. What the status shows already when the operator starts is not told again.
 */
export class ProjectEvents {
  readonly #recorder: Recorder;
  readonly #memberships: MembershipEvents;
  /** `cluster/namespace` → the project it was last seen in. */
  readonly #members = new Map<string, Project | undefined>();
  /** `cluster/project` → what its quota was found to lack last. */
  readonly #quotas = new Map<string, ReadonlySet<string>>();

  constructor(recorder: Recorder) {
    this.#recorder = recorder;
    this.#memberships = new MembershipEvents(recorder);
  }

  observed({ cluster, namespace, project, found, resolved }: Observation): void {
    const id = `${cluster}/${namespace}`;
    const seen = this.#members.has(id);
    this.#membership(id, namespace, project);
    if (!project) return;
    for (const conflict of found)
      if (!isKnownConflict(project, conflict, { seen })) this.#conflictFound(project, conflict);
    for (const conflict of resolved) this.#conflictResolved(project, conflict);
  }

  /** A deleted project with deletionPolicy Delete detached a namespace: it may be older than the project. */
  kept(namespace: string, project: Project): void {
    this.#memberships.add(project, KEPT, namespace);
  }

  /** A project's quota was dealt out: tells of each share that newly doesn't fit or can't be read. */
  dealt(cluster: string, project: Project, { lacking, unreadable }: Pick<Shares, 'lacking' | 'unreadable'>): void {
    const id = `${cluster}/${project.metadata.name}`;
    const notes = new Map<string, string>();
    for (const lack of lacking) notes.set(`${lack.namespace} ${lack.key}`, describeLack(lack));
    const problems = new Map(
      [...unreadable].map(([namespace, problem]) => [namespace, describeUnreadable(namespace, problem)]),
    );
    const before = this.#quotas.get(id);
    this.#quotas.set(id, new Set([...notes.keys(), ...problems.keys()]));
    // at the first look since the start, what the status shows was told before
    if (!before && findCondition(project.status?.conditions, 'QuotaReady')?.status === 'False') return;
    const tell = (reason: string, told: ReadonlyMap<string, string>) => {
      for (const [what, note] of told)
        if (!before?.has(what))
          this.#recorder.record(ProjectResource, project, { type: 'Warning', reason, action: 'Allocate', note });
    };
    tell('QuotaExceeded', notes);
    tell('QuotaOverrideInvalid', problems);
  }

  /** Tells what was gathered for an event; before the process ends. */
  flush(): void {
    this.#memberships.flush();
  }

  /** The cluster was let go: what is seen next is a start, not a change. */
  forget(cluster: string): void {
    for (const known of [this.#members, this.#quotas])
      for (const id of known.keys()) if (id.startsWith(`${cluster}/`)) known.delete(id);
  }

  #membership(id: string, namespace: string, project: Project | undefined): void {
    const seen = this.#members.has(id);
    const before = this.#members.get(id);
    this.#members.set(id, project);
    if (before?.metadata.uid === project?.metadata.uid) return;
    if (before) this.#memberships.add(before, DETACHED, namespace);
    if (project && (seen || !isKnownMember(project, namespace))) this.#memberships.add(project, ATTACHED, namespace);
  }

  #conflictFound(project: Project, { kind, namespace, name, reason, message }: Conflict): void {
    this.#recorder.record(ProjectResource, project, {
      type: 'Warning',
      reason: reason === 'Conflict' ? 'ConflictFound' : `${isSharedKind(kind) ? 'Copy' : 'Policy'}${reason}`,
      action: actionOf(kind),
      note: `${kind} ${name} can't be ${isSharedKind(kind) ? 'copied to' : 'put in'} namespace ${namespace}: ${message}`,
    });
  }

  #conflictResolved(project: Project, { kind, namespace, name }: Conflict): void {
    const note = `${kind} ${name} no longer conflicts in namespace ${namespace}`;
    const event = { type: 'Normal', reason: 'ConflictResolved', action: actionOf(kind), note } as const;
    this.#recorder.record(ProjectResource, project, event);
  }
}

function actionOf(kind: GivenKind): string {
  return isSharedKind(kind) ? 'Copy' : 'Restrict';
}

/** Named in the status, or possibly so: the list is cut at a hundred. */
function isKnownMember({ status }: Project, namespace: string): boolean {
  const { total = 0, names = [] } = status?.namespaces ?? {};
  return names.includes(namespace) || total > names.length;
}

/** Named in the status, or, at the first look since the start, possibly so: the list is cut at twenty. */
function isKnownConflict(
  { status }: Project,
  { kind, namespace, name }: Conflict,
  { seen }: { readonly seen: boolean },
): boolean {
  // of these the status names the first only
  if (!isSharedKind(kind)) {
    const condition = isPolicyKind(kind) ? 'PolicyReady' : 'QuotaReady';
    return !seen && findCondition(status?.conditions, condition)?.status === 'False';
  }
  const known = status?.shared?.conflicts ?? [];
  if (!seen && known.length >= CONFLICTS_SHOWN) return true;
  return known.some(other => other.kind === kind && other.namespace === namespace && other.name === name);
}
