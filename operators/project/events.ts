import { type Project, ProjectResource } from '#api';
import { findCondition, type Recorder } from '#runtime';
import type { Conflict } from './conflicts.ts';
import type { Observation } from './engaged.ts';
import { type GivenKind, isPolicyKind } from './kinds.ts';
import { describeLack, describeUnreadable } from './quota-facts.ts';
import type { Shares } from './quota-round.ts';
import { CONFLICTS_SHOWN } from './status.ts';

/**
 * Tells on a Project what a person would ask about: namespaces that came and went, conflicts found and
 * resolved. What the status shows already when the operator starts is not told again.
 */
export class ProjectEvents {
  readonly #recorder: Recorder;
  /** `cluster/namespace` → the project it was last seen in. */
  readonly #members = new Map<string, Project | undefined>();
  /** `cluster/project` → what its quota was found to lack last. */
  readonly #quotas = new Map<string, ReadonlySet<string>>();

  constructor(recorder: Recorder) {
    this.#recorder = recorder;
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
    if (before) this.#tell(before, 'NamespaceDetached', 'Detach', `namespace ${namespace} left the project`);
    if (project && (seen || !isKnownMember(project, namespace)))
      this.#tell(project, 'NamespaceAttached', 'Attach', `namespace ${namespace} joined the project`);
  }

  #conflictFound(project: Project, { kind, namespace, name, reason, message }: Conflict): void {
    this.#recorder.record(ProjectResource, project, {
      type: 'Warning',
      reason: reason === 'Conflict' ? 'ConflictFound' : `${isPolicyKind(kind) ? 'Policy' : 'Copy'}${reason}`,
      action: actionOf(kind),
      note: `${kind} ${name} can't be ${isPolicyKind(kind) ? 'put in' : 'copied to'} namespace ${namespace}: ${message}`,
    });
  }

  #conflictResolved(project: Project, { kind, namespace, name }: Conflict): void {
    const note = `${kind} ${name} no longer conflicts in namespace ${namespace}`;
    this.#tell(project, 'ConflictResolved', actionOf(kind), note);
  }

  #tell(project: Project, reason: string, action: string, note: string): void {
    this.#recorder.record(ProjectResource, project, { type: 'Normal', reason, action, note });
  }
}

function actionOf(kind: GivenKind): string {
  return isPolicyKind(kind) ? 'Restrict' : 'Copy';
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
  // of policies the status names the first only
  if (isPolicyKind(kind)) return !seen && findCondition(status?.conditions, 'PolicyReady')?.status === 'False';
  const known = status?.shared?.conflicts ?? [];
  if (!seen && known.length >= CONFLICTS_SHOWN) return true;
  return known.some(other => other.kind === kind && other.namespace === namespace && other.name === name);
}
