import { ownership } from '#api';
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
import { type Copy, CopyTypes, type GivenKind, GivenTypes, isSharedKind } from './kinds.ts';
import { isFullyMarked, type Members } from './members.ts';

export interface DeliveryContext {
  readonly client: Client;
  readonly members: Members;
  readonly conflicts: Conflicts;
  /** uid of the hub's kube-system namespace. */
  readonly hub: string;
  readonly signal: AbortSignal;
}

/** What should be in one namespace. */
export interface Delivery {
  readonly namespace: string;
  readonly templates: readonly Template[];
  /** Whether copies that no template names may go. */
  readonly prune: boolean;
  /** Names that stay although no template names them. */
  readonly keep: ReadonlySet<string>;
}

/**
 * Makes the copies in one namespace what the templates say. What no longer belongs goes first, then what
 * is wrong is put right and what is missing comes. A target that fails does not stop the others; the
 * failures are thrown together at the end. Returns the targets that cannot be served.
 */
export async function deliver(context: DeliveryContext, delivery: Delivery): Promise<Conflict[]> {
  const errors: unknown[] = [];
  const attempt = (work: Promise<Conflict | undefined>) =>
    work.catch((error: unknown) => {
      if (!isGone(error)) errors.push(error);
      return undefined;
    });
  await Promise.all(superfluous(context, delivery).map(target => attempt(remove(context, target.kind, target.copy))));
  const served = await Promise.all(
    delivery.templates
      .filter(template => !context.members.isRight(template, delivery.namespace))
      .map(template => attempt(serve(context, template, delivery.namespace))),
  );
  const conflicts = served.filter(conflict => conflict !== undefined);
  context.signal.throwIfAborted();
  if (errors.length > 0) throw new DeliveryError(errors, conflicts);
  return conflicts;
}

/** Some targets of a namespace failed and will be tried again; `conflicts` are those of the others. */
export class DeliveryError extends AggregateError {
  readonly conflicts: readonly Conflict[];

  constructor(errors: readonly unknown[], conflicts: readonly Conflict[]) {
    super(errors, `${errors.length} of the namespace's objects could not be written`);
    this.conflicts = conflicts;
  }
}

function superfluous({ members, hub }: DeliveryContext, { namespace, templates, prune, keep }: Delivery) {
  if (!prune) return [];
  const named = new Set(templates.map(({ kind, name }) => `${kind} ${name}`));
  return members.copiesIn(namespace).filter(({ kind, copy }) => {
    const id = `${kind} ${copy.metadata?.name}`;
    return !named.has(id) && !keep.has(id) && !isTerminating(copy) && isFullyMarked(copy, hub);
  });
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
