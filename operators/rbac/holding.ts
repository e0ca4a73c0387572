import { ANNOTATION_HUB, LABEL_PROJECT } from '#api';
import { type Client, jsonEqual, type KubeObject, type ResourceType } from '#runtime';
import type { BindingObject, RoleObject } from '../engagement/rbac-kinds.ts';
import { type Conflict, ensure, type Narrowed, narrow, withdraw } from './converge.ts';
import { type BindingRequest, bindings, type Origin, projectLabel } from './desired.ts';
import type { GrantScope } from './grant-scope.ts';
import { holders, NO_SHARE, remaining, type Share } from './grants.ts';
import { merged } from './subjects.ts';

/** Who should have a role in one place, and the bindings that are there. */
export interface Holding extends Omit<BindingRequest, 'subjects'> {
  readonly type: ResourceType<BindingObject>;
  readonly share: Share;
  readonly existing: readonly BindingObject[];
  /** Takes without giving, and makes no object: of a namespace that is Terminating. */
  readonly narrowOnly?: boolean;
}

type HoldingScope = Pick<GrantScope, 'client' | 'says' | 'hub' | 'phase' | 'signal'> & { readonly origin: Origin };

/**
 * Makes the bindings of one role in one place what they should be: what goes, goes first. While access is being
 * revoked, and for a template of which it is not known what it allows, nobody is added.
 */
export async function hold(scope: HoldingScope, holding: Holding): Promise<Conflict[]> {
  const { client, says, hub, phase, signal, origin } = scope;
  const { type, share, existing } = holding;
  const ours = existing.filter(binding => isDeletable(binding, hub));
  const left = (binding: BindingObject) => remaining(shareFor(holding, binding), binding.subjects ?? []);
  if (holding.narrowOnly || !says.book.isReady(holding.template)) {
    const labels = projectLabel(holding.project);
    await Promise.all(ours.map(binding => narrowTo(scope, type, binding, { subjects: left(binding), labels })));
    return [];
  }
  const present = merged(existing.flatMap(left));
  const subjects = phase === 'granting' ? holders(share, present) : present;
  const wanted = bindings(says.book, { ...holding, subjects }, origin);
  return await bring(client, { type, wanted, existing, ours }, signal);
}

/** Who keeps the role does so where they have it by this project: not in a namespace that has come from another. */
function shareFor({ share, project }: Holding, { metadata }: BindingObject): Share {
  const giver = metadata?.labels?.[LABEL_PROJECT];
  const isOthers = project !== undefined && giver !== undefined && giver !== project;
  return isOthers ? { ...share, kept: NO_SHARE.kept } : share;
}

interface Bringing extends Pick<Holding, 'type' | 'existing'> {
  readonly wanted: readonly BindingObject[];
  /** Those of the existing ones that may be deleted. */
  readonly ours: readonly BindingObject[];
}

/** Makes the bindings of one place these: what is superfluous goes, what differs is put right. */
export async function bring(
  client: Client,
  { type, wanted, existing, ours }: Bringing,
  signal: AbortSignal,
): Promise<Conflict[]> {
  const names = new Set(wanted.map(({ metadata }) => metadata?.name));
  const superfluous = ours.filter(({ metadata }) => !names.has(metadata?.name));
  await Promise.all(superfluous.map(binding => narrow(client, type, binding, { subjects: [] }, signal)));
  const byName = new Map(existing.map(binding => [binding.metadata?.name, binding]));
  const conflicts = await Promise.all(
    wanted.map(binding => ensure(client, type, binding, byName.get(binding.metadata?.name), signal)),
  );
  return conflicts.filter(conflict => conflict !== undefined);
}

async function narrowTo(
  { client, signal }: HoldingScope,
  type: ResourceType<BindingObject>,
  binding: BindingObject,
  narrowed: Narrowed,
): Promise<void> {
  const { labels: before } = binding.metadata ?? {};
  const isSame =
    narrowed.subjects.length === (binding.subjects ?? []).length &&
    jsonEqual({ ...before, ...narrowed.labels }, { ...before });
  if (isSame) return;
  await narrow(client, type, binding, narrowed, signal);
}

/** Takes away a role that is ours; nothing where there is none. */
export async function drop(
  { client, hub, signal }: Pick<GrantScope, 'client' | 'hub' | 'signal'>,
  type: ResourceType<RoleObject>,
  role: RoleObject | undefined,
): Promise<void> {
  if (role && isDeletable(role, hub)) await withdraw(client, type, role, signal);
}

/** By name and mark ours, and no other hub's. */
export function isDeletable({ metadata }: KubeObject, hub: string): boolean {
  const of = metadata?.annotations?.[ANNOTATION_HUB];
  return (metadata?.name?.startsWith('paddock:') ?? false) && (of === undefined || of === hub);
}
