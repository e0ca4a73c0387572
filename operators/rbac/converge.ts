import { ownership } from '#api';
import {
  type Client,
  isAlreadyExists,
  type JsonPatchOperation,
  jsonEqual,
  type KubeObject,
  keyOf,
  keyString,
  named,
  type ResourceType,
  resourceName,
} from '#runtime';
import type { BindingObject, RoleObject } from '../engagement/rbac-kinds.ts';
import { isHeld, reduce, revoke } from '../engagement/revocation.ts';
import type { Place } from '../engagement/taken-places.ts';
import { writing } from './refusals.ts';
import { subjectKey } from './subjects.ts';

/** What can't be made, since an object of that name is there: a foreign one, or one of ours that is Terminating. */
export interface Conflict extends Place {
  readonly reason: 'Conflict' | typeof OBJECT_TERMINATING;
  readonly message: string;
}

/** Of a condition: a finalizer keeps an object of ours that is deleted, so it can't be made again. */
export const OBJECT_TERMINATING = 'ObjectTerminating';

/** Finalizers in one message. */
const FINALIZERS_NAMED = 5;

/** A role, a binding, or what people act through. */
export type Derived = KubeObject;

/** Whether what is there is as it should be. Rules of a role that aggregates are the API server's to fill in. */
export function isRight(actual: Derived | undefined, wanted: Derived): boolean {
  return actual !== undefined && !actual.metadata?.deletionTimestamp && difference(actual, wanted).length === 0;
}

/**
 * Makes the object, or puts right what differs; writes nothing when it is right. One that is Terminating is in force, but
 * not for long: it keeps what is wanted of its grants, and gets none.
 */
export async function ensure<T extends Derived>(
  client: Client,
  type: ResourceType<T>,
  wanted: T,
  known: T | undefined,
  signal: AbortSignal,
): Promise<Conflict | undefined> {
  const key = keyOf(wanted);
  const making = { type, key, verb: 'made', takes: false } as const;
  const existing = known ?? (await createOrRead(client, type, wanted, signal));
  if (!existing) return undefined;
  if (ownership(existing.metadata) === 'foreign') return conflict(type, wanted);
  if (existing.metadata?.deletionTimestamp) return await keep(client, type, existing, wanted, signal);
  const differs = difference(existing, wanted);
  if (differs.length === 0) return undefined;
  const { resourceVersion } = existing.metadata ?? {};
  if (differs.includes('roleRef')) {
    // a binding can't be given another role
    const left = await withdraw(client, type, existing, signal);
    if (left) return terminating(type, left);
    await writing(making, () => client.create(type, parent(wanted), wanted, { signal }));
    return undefined;
  }
  const patch: JsonPatchOperation[] = [
    { op: 'replace', path: '/metadata/resourceVersion', value: resourceVersion },
    ...differs.map(part => patchOf(part, at(wanted, part))),
  ];
  const changing = { ...making, verb: 'changed', takes: takesFrom(existing, wanted) } as const;
  await writing(changing, () => client.jsonPatch(type, key, patch, { signal }));
  return undefined;
}

/** Leaves an object that is Terminating what is wanted of its grants; nothing where it is of another role. */
async function keep<T extends Derived>(
  client: Client,
  type: ResourceType<T>,
  existing: T,
  wanted: T,
  signal: AbortSignal,
): Promise<Conflict | undefined> {
  const grant = jsonEqual(at(existing, 'roleRef'), at(wanted, 'roleRef')) ? wanted : {};
  const changing = { type, key: keyOf(existing), verb: 'changed', takes: true } as const;
  const left = await writing(changing, () => reduce(client, type, existing, { grant, signal }));
  return left && terminating(type, left);
}

/** Takes away all that an object of ours grants; returns the object where a finalizer keeps it. @throws RefusedError */
export async function withdraw(
  client: Client,
  type: ResourceType,
  object: KubeObject,
  signal: AbortSignal,
): Promise<KubeObject | undefined> {
  const write = { type, key: keyOf(object), verb: isHeld(object) ? 'changed' : 'deleted', takes: true } as const;
  return await writing(write, () => revoke(client, type, object, signal));
}

/** Whether somebody loses something by the change, or something is allowed no more. */
function takesFrom(existing: Derived, wanted: Derived): boolean {
  const before: Partial<RoleObject & BindingObject> = existing;
  const after: Partial<RoleObject & BindingObject> = wanted;
  const kept = new Set(after.subjects?.map(subjectKey));
  if (before.subjects?.some(subject => !kept.has(subjectKey(subject)))) return true;
  if (after.aggregationRule) return false;
  return before.rules?.some(rule => !after.rules?.some(other => jsonEqual(rule, other))) ?? false;
}

/** What a binding is narrowed to. */
export interface Narrowed {
  readonly subjects: BindingObject['subjects'] & object;
  /** Beside those that it has. */
  readonly labels?: Readonly<Record<string, string>>;
}

/** Leaves the binding to these subjects; without any its object goes. Nobody may be added this way. */
export async function narrow(
  client: Client,
  type: ResourceType<BindingObject>,
  binding: BindingObject,
  { subjects, labels = {} }: Narrowed,
  signal: AbortSignal,
): Promise<void> {
  if (subjects.length === 0) {
    await withdraw(client, type, binding, signal);
    return;
  }
  const { resourceVersion } = binding.metadata ?? {};
  const key = keyOf(binding);
  const patch: JsonPatchOperation[] = [
    { op: 'replace', path: '/metadata/resourceVersion', value: resourceVersion },
    { op: 'add', path: '/metadata/labels', value: { ...binding.metadata?.labels, ...labels } },
    { op: 'add', path: '/subjects', value: subjects },
  ];
  await writing({ type, key, verb: 'changed', takes: true }, () => client.jsonPatch(type, key, patch, { signal }));
}

const PARTS = ['metadata/labels', 'metadata/annotations', 'rules', 'aggregationRule', 'roleRef', 'subjects'] as const;
type Part = (typeof PARTS)[number];

function difference(actual: Derived, wanted: Derived): Part[] {
  return PARTS.filter(part => {
    if (part === 'rules' && at(wanted, 'aggregationRule') !== undefined) return false;
    return !jsonEqual(at(actual, part) ?? empty(part), at(wanted, part) ?? empty(part));
  });
}

function at(object: Derived, part: Part): unknown {
  return part.split('/').reduce<unknown>((value, field) => Reflect.get(Object(value), field), object);
}

function patchOf(part: Part, value: unknown): JsonPatchOperation {
  if (part === 'aggregationRule' && value === undefined) return { op: 'remove', path: `/${part}` };
  return { op: 'add', path: `/${part}`, value: value ?? empty(part) };
}

/** The API server leaves out what is empty. */
const empty = (part: Part) => (part === 'rules' || part === 'subjects' ? [] : {});

/**
 * Undefined when it was made just now. One that is not among the marked objects may be there all the same.
 * @throws RefusedError
 */
export async function createOrRead<T extends Derived>(
  client: Client,
  type: ResourceType<T>,
  wanted: T,
  signal: AbortSignal,
): Promise<T | undefined> {
  const key = keyOf(wanted);
  const making = { type, key, verb: 'made', takes: false } as const;
  return await writing(making, async () => {
    try {
      await client.create(type, parent(wanted), wanted, { signal });
      return undefined;
    } catch (error) {
      const existing = isAlreadyExists(error) ? await client.find(type, key, { signal }) : undefined;
      if (!existing) throw error; // also of one that has gone since
      return existing;
    }
  });
}

function parent({ metadata }: Derived): { namespace?: string } {
  return metadata?.namespace === undefined ? {} : { namespace: metadata.namespace };
}

/** Where somebody else's object is in the place of this one. */
export function conflict(type: ResourceType, wanted: Derived): Conflict {
  const key = keyOf(wanted);
  return {
    type,
    key,
    reason: 'Conflict',
    message: `${resourceName(type)} ${keyString(key)} exists and was not made by Paddock: delete it, and it is made again as it should be`,
  };
}

/** Where an object of ours is Terminating and in the place of its successor. */
export function terminating(type: ResourceType, object: KubeObject): Conflict {
  const key = keyOf(object);
  const finalizers = object.metadata?.finalizers ?? [];
  const kept = `${finalizers.length === 1 ? 'finalizer' : 'finalizers'} ${named(finalizers, FINALIZERS_NAMED)}`;
  return {
    type,
    key,
    reason: OBJECT_TERMINATING,
    message: `${resourceName(type)} ${keyString(key)} is Terminating, kept by ${kept}, and nobody is given anything by it: let the owner of the finalizer remove it, and the object is made again`,
  };
}
