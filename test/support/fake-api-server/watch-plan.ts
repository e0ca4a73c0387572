import { parseCount, parseVersion } from './list.ts';
import { flag } from './request.ts';
import * as status from './status.ts';
import type { Storage } from './storage.ts';

/** What a watch request asks for. */
export interface WatchPlan {
  /** Starts with an ADDED for every object that there is. */
  readonly initialEvents: boolean;
  /** A bookmark marked as such follows the initial events. */
  readonly initialEventsEnd: boolean;
  /** Events after this revision. */
  readonly after: bigint;
  readonly bookmarks: boolean;
  /** Milliseconds; a real server chooses 30 to 60 min when it is not told. */
  readonly timeoutMs: number | undefined;
}

/**
 * Reads the options of a watch. What is wrong with them is refused outright; what cannot be served for the
 * resource version comes as an ERROR frame of a 200 answer, so it is the session that says it.
 * @throws StatusError 400, 422, 500
 */
export function planWatch(
  storage: Storage,
  query: URLSearchParams,
  { streamingLists }: { streamingLists: boolean },
): WatchPlan {
  const match = query.get('resourceVersionMatch') ?? '';
  const asked = query.has('sendInitialEvents');
  if (asked && !streamingLists)
    throw status.forbiddenOption(
      'sendInitialEvents',
      'sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled',
    );
  if (asked && match !== 'NotOlderThan')
    throw status.forbiddenOption(
      'resourceVersionMatch',
      'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan',
    );
  if (!asked && match)
    throw status.forbiddenOption(
      'resourceVersionMatch',
      'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
    );
  const version = parseVersion(query.get('resourceVersion'), message => new status.StatusError(500, '', message)) ?? 0n;
  const bookmarks = flag(query, 'allowWatchBookmarks');
  const streaming = asked && flag(query, 'sendInitialEvents');
  const initialEvents = streaming || (!asked && version === 0n);
  const seconds = parseCount(query, 'timeoutSeconds') ?? 0;
  return {
    initialEvents,
    initialEventsEnd: initialEvents && bookmarks && streamingLists,
    after: initialEvents || version === 0n ? BigInt(storage.revision) : version,
    bookmarks,
    timeoutMs: seconds > 0 ? seconds * 1000 : undefined,
  };
}

/** Why events after `wanted` cannot be told, or the initial ones not be as new as that. */
export function versionProblem(
  storage: Storage,
  plan: WatchPlan,
  query: URLSearchParams,
): status.StatusError | undefined {
  const wanted = BigInt(query.get('resourceVersion') || '0');
  if (plan.initialEvents && wanted > BigInt(storage.revision)) return status.tooLargeVersion(wanted, storage.revision);
  if (!plan.initialEvents && plan.after < BigInt(storage.oldest))
    return status.tooOldVersion(plan.after, storage.oldest);
  return undefined;
}
