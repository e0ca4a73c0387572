import { LABEL_OWNER, ownerLabel, ownership } from '#api';
import {
  ApiError,
  type Client,
  errorMessage,
  isAlreadyExists,
  isForbidden,
  isInvalid,
  isNotFound,
  isTooLarge,
} from '#runtime';
import { isTerminating } from '../engagement/membership.ts';
import type { Conflict, Conflicts } from './conflicts.ts';
import { copyOf, correctionOf, type Template } from './desired.ts';
import type { FormerGrants } from './former-grants.ts';
import { type Copy, CopyTypes, type GivenKind, GivenTypes, isSharedKind } from './kinds.ts';
import { isFullyMarked, type Members } from './members.ts';
import type { Places } from './places.ts';

export interface DeliveryContext {
  readonly client: Client;
  readonly members: Members;
  readonly conflicts: Conflicts;
  readonly formerGrants: FormerGrants;
  readonly places: Places;
  /** uid of the hub's kube-system namespace. */
  readonly hub: string;
  readonly signal: AbortSignal;
}

/** What should be in one namespace. */
export interface Delivery {
  readonly namespace: string;
  /** The project that it is in. */
  readonly project: string | undefined;
  readonly templates: readonly Template[];
  /** Whether what the project itself gave goes where no template names it; what others gave goes in any case. */
  readonly prune: boolean;
  /** Kinds and names that stay although no template names them. */
  readonly keep: ReadonlySet<string>;
}

export interface Delivered {
  /** The targets that can't be served. */
  readonly conflicts: readonly Conflict[];
  /** Something waits until nobody has rights by a project that the namespace has left. */
  readonly isWaiting: boolean;
}

/**
 * Makes the objects in one namespace what the templates say, in the order of safety: what is shared no longer goes; limits
 * are put right, those of a former project in place; and only when nobody has rights by a former project any more, the
 * rest of its limits goes and what is shared comes. A target that fails does not stop the others; the failures are thrown
 * together at the end.
 */
export async function deliver(context: DeliveryContext, delivery: Delivery): Promise<Delivered> {
  const { namespace, project, templates } = delivery;
  const { members, formerGrants, places, signal } = context;
  const errors: unknown[] = [];
  const conflicts: Conflict[] = [];
  const all = async (work: readonly Promise<Conflict | undefined>[]) => {
    const failed = (error: unknown) => {
      if (!isGone(error)) errors.push(error);
      return undefined;
    };
    for (const conflict of await Promise.all(work.map(each => each.catch(failed))))
      if (conflict) conflicts.push(conflict);
  };
  /** Limits at once; what is shared, of which there may be very much, when the project has a place for it. */
  const inTurn = (kind: GivenKind, work: () => Promise<Conflict | undefined>) =>
    isSharedKind(kind) ? places.during(project ?? '', work, signal) : work();
  const serving = (wanted: readonly Template[]) =>
    all(wanted.map(template => inTurn(template.kind, () => serve(context, template, namespace))));
  const removing = (given: readonly Given[]) =>
    all(given.map(({ kind, copy }) => inTurn(kind, () => remove(context, kind, copy))));

  const isFormer = ({ copy }: Given) => project === undefined || !isOf(copy, project);
  const goes = superfluous(context, delivery);
  const formerLimits = goes.filter(each => !isSharedKind(each.kind) && isFormer(each));
  await removing(goes.filter(each => !formerLimits.includes(each)));
  const wrong = templates.filter(template => !members.isRight(template, namespace));
  const shared = wrong.filter(({ kind }) => isSharedKind(kind));
  await serving(wrong.filter(template => !shared.includes(template)));

  const isNew = (template: Template) => {
    const copy = members.copy(template, namespace);
    return !copy || isFormer({ kind: template.kind, copy });
  };
  const waits = formerLimits.length > 0 || shared.some(isNew);
  const isWaiting = waits && (await formerGrants.areLeft(namespace, project, signal));
  if (isWaiting) {
    await removing(shared.flatMap(template => formerCopy(context, template, delivery)));
    await serving(shared.filter(template => !isNew(template)));
  } else {
    await removing(formerLimits);
    await serving(shared);
  }
  signal.throwIfAborted();
  if (errors.length > 0) throw new DeliveryError(errors, conflicts);
  return { conflicts, isWaiting };
}

/** Some targets of a namespace failed and will be tried again; `conflicts` are those of the others. */
export class DeliveryError extends AggregateError {
  readonly conflicts: readonly Conflict[];

  constructor(errors: readonly unknown[], conflicts: readonly Conflict[]) {
    super(errors, `${errors.length} of the namespace's objects could not be written`);
    this.conflicts = conflicts;
  }
}

interface Given {
  readonly kind: GivenKind;
  readonly copy: Copy;
}

/** What no template names and may go. */
function superfluous(
  { members, hub }: DeliveryContext,
  { namespace, project, templates, prune, keep }: Delivery,
): Given[] {
  const named = new Set(templates.map(({ kind, name }) => `${kind} ${name}`));
  return members.copiesIn(namespace).filter(({ kind, copy }) => {
    const id = `${kind} ${copy.metadata?.name}`;
    if (named.has(id) || keep.has(id) || isTerminating(copy) || !isFullyMarked(copy, hub)) return false;
    return prune || project === undefined || !isOf(copy, project);
  });
}

/** What a former project shared under the name of the template. */
function formerCopy({ members, hub }: DeliveryContext, template: Template, { namespace, project }: Delivery): Given[] {
  const copy = members.copy(template, namespace);
  if (!copy || project === undefined || isOf(copy, project)) return [];
  return isTerminating(copy) || !isFullyMarked(copy, hub) ? [] : [{ kind: template.kind, copy }];
}

function isOf({ metadata }: Copy, project: string): boolean {
  return metadata?.labels?.[LABEL_OWNER] === ownerLabel('project', project);
}

async function remove({ client, signal }: DeliveryContext, kind: GivenKind, { metadata }: Copy): Promise<undefined> {
  const { namespace = '', name = '', uid } = metadata ?? {};
  await client.delete(CopyTypes[kind], { namespace, name }, { uid, signal });
  return undefined;
}

async function serve(context: DeliveryContext, template: Template, namespace: string): Promise<Conflict | undefined> {
  const existing = context.members.copy(template, namespace);
  if (existing && isTerminating(existing)) return undefined; // comes again when it is gone
  try {
    if (existing) await correct(context, template, existing);
    else return await create(context, template, namespace);
    return undefined;
  } catch (error) {
    return refusedBy(error, template, namespace);
  }
}

async function create(context: DeliveryContext, template: Template, namespace: string): Promise<Conflict | undefined> {
  const { client, conflicts, signal } = context;
  const { kind, name } = template;
  if (conflicts.isBlocked(kind, namespace, name)) return foreign(template, namespace);
  try {
    await client.create(GivenTypes[kind], { namespace }, { json: template.json }, { signal });
    return undefined;
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
  // not in the cache of marked objects: foreign, or ours with its label stripped
  const found = await client.find(GivenTypes[kind], { namespace, name }, { signal });
  if (found && ownership(found.metadata) === 'foreign') return foreign(template, namespace);
  if (found) await correct(context, template, copyOf(found));
  else throw new Error(`${kind} ${namespace}/${name} went while it was looked at`);
  return undefined;
}

async function correct({ client, signal }: DeliveryContext, template: Template, copy: Copy): Promise<void> {
  const { namespace = '', name = '', uid } = copy.metadata ?? {};
  const correction = correctionOf(copy, template);
  if (!correction) return;
  if (correction.action === 'patch') {
    await client.jsonPatch(GivenTypes[template.kind], { namespace, name }, correction.patch, { signal });
    return;
  }
  await client.delete(CopyTypes[template.kind], { namespace, name }, { uid, signal });
  await client.create(GivenTypes[template.kind], { namespace }, { json: template.json }, { signal });
}

function foreign({ kind, name }: Template, namespace: string): Conflict {
  const ours = isSharedKind(kind) ? 'the copy' : "the project's";
  const message = `a ${kind} of this name that Paddock did not make is there: delete or rename it, and ${ours} takes its place`;
  return { namespace, kind, name, reason: 'Conflict', message };
}

/** What the server will not take is the target's own trouble and is named; everything else is tried again. */
function refusedBy(error: unknown, { kind, name }: Template, namespace: string): Conflict {
  if (!(error instanceof ApiError) || isNamespaceGoing(error)) throw error;
  const reason = isTooLarge(error)
    ? 'TooLarge'
    : isInvalid(error)
      ? invalidReason(error)
      : isForbidden(error)
        ? 'Forbidden'
        : undefined;
  if (!reason) throw error;
  return { namespace, kind, name, reason, message: errorMessage(error).slice(0, 500) };
}

/** 422 for data or annotations past their limit carries the cause FieldValueTooLong. */
function invalidReason(error: ApiError): 'TooLarge' | 'Invalid' {
  const causes = error.status.details?.causes ?? [];
  return causes.some(({ reason }) => reason === 'FieldValueTooLong') ? 'TooLarge' : 'Invalid';
}

/** The namespace is deleted, or about to be: nothing is owed to it. */
function isGone(error: unknown): boolean {
  return isNamespaceGoing(error) || isNotFound(error);
}

function isNamespaceGoing(error: unknown): boolean {
  return (
    error instanceof ApiError &&
    (error.status.details?.causes?.some(({ reason }) => reason === 'NamespaceTerminating') ?? false)
  );
}
