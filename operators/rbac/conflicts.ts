import type { Obstacle } from './binding-status.ts';
import { type Conflict, OBJECT_TERMINATING } from './converge.ts';

/** Objects that one message names. */
const NAMED = 20;

/** Reasons of an obstacle that keeps nobody's revocation: what it is about gives nobody more than bindings say. */
export const KEEPS_NO_REVOCATION: readonly string[] = ['Conflict', OBJECT_TERMINATING];

/** What objects in the place of derived ones mean for a binding, or an access; foreign ones first. */
export function obstacleOfConflicts(conflicts: readonly Conflict[]): Obstacle | undefined {
  const foreign = conflicts.filter(({ reason }) => reason === 'Conflict');
  const [first] = foreign.length > 0 ? foreign : conflicts;
  if (!first) return undefined;
  const messages = [...new Set([...foreign, ...conflicts].map(({ message }) => message))];
  const more = messages.length > NAMED ? ` (and ${messages.length - NAMED} more)` : '';
  return { reason: first.reason, message: `${messages.slice(0, NAMED).join('; ')}${more}` };
}
