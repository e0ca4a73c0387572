import { checkBookmark, checkObject, type Place, parseObject } from './answers.ts';
import { Backoff } from './backoff.ts';
import { BOUNDS, inMiB } from './bounds.ts';
import type { Client, ListPage } from './client.ts';
import { type Clock, systemClock } from './clock.ts';
import { ConnectionMovedError } from './connections.ts';
import { AnswerError, ApiError, isExpired, type StatusBody, TooLongError } from './errors.ts';
import { lines } from './frames.ts';
import { IdleDeadline } from './idle-deadline.ts';
import type { KubeObject, ResourceType } from './resource.ts';
import { describeSelection, type Selection } from './selection.ts';
import { Turns } from './turns.ts';

/**
 * What a watcher tells. `Init` opens a complete listing, `InitApply` names each object in it, `InitDone`
 * closes it: what was known before and not named is gone. `Apply` and `Delete` follow as they happen.
 */
export type WatchEvent<T extends KubeObject> =
  | { readonly type: 'Init' }
  | { readonly type: 'InitApply'; readonly object: T }
  | { readonly type: 'InitDone'; readonly resourceVersion: string }
  | { readonly type: 'Apply'; readonly object: T }
  | { readonly type: 'Delete'; readonly object: T };

export interface WatcherTimings {
  /** Bounds of the random `timeoutSeconds` of a watch, seconds. */
  readonly watchSeconds: readonly [number, number];
  /** A watch that is silent this long, bookmarks included, is opened again from where it was, ms. */
  readonly idleMs: number;
  /** A streaming list that is silent this long is taken as not supported, ms. */
  readonly initIdleMs: number;
  readonly backoffBaseMs: number;
  readonly backoffMaxMs: number;
  readonly backoffResetMs: number;
  readonly pageSize: number;
}

export const DEFAULT_TIMINGS: WatcherTimings = {
  watchSeconds: [300, 600],
  idleMs: 180_000,
  initIdleMs: 30_000,
  backoffBaseMs: 800,
  backoffMaxMs: 30_000,
  backoffResetMs: 120_000,
  pageSize: 500,
};

export interface WatcherOptions<T extends KubeObject> extends Selection {
  readonly type: ResourceType<T>;
  /** Called in order, one at a time; the watcher reads on when it has resolved. */
  readonly emit: (event: WatchEvent<T>) => void | Promise<void>;
  /** Told of each failure and, with `undefined`, of the next success. */
  readonly onHealth?: (error: unknown) => void;
  /**
   * Asked when a watch was interrupted and goes on, before anything that it brings counts: whether the server
   * still has the history that `resourceVersion` is from. False lists again. A server that was restored or
   * reinstalled would accept the version, and be silent until its own had grown past it.
   */
  readonly resumed?: (resumption: Resumption<T>) => Promise<boolean>;
  readonly timings?: Partial<WatcherTimings>;
  readonly clock?: Clock;
  readonly random?: () => number;
  /** Bytes of a whole list at most [BOUNDS.listBytes]. */
  readonly listBytes?: number;
}

/** A watch that goes on after an interruption. */
export interface Resumption<T extends KubeObject> {
  readonly type: ResourceType<T>;
  readonly selection: Selection;
  /** The version after which it goes on. */
  readonly resourceVersion: string;
  readonly signal: AbortSignal;
}

interface Frame<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  readonly object: T;
}

/** Where the next request starts: from nothing, or after a resource version. */
type State = { readonly name: 'Empty' } | { readonly name: 'Watching'; readonly resourceVersion: string };

const EMPTY: State = { name: 'Empty' };
/** A watch that ends sooner is a failure and is opened again after a pause only. */
const MIN_WATCH_MS = 1_000;
/** Lists caused by expired versions are at least this far apart, or follow the backoff. */
const RELIST_PAUSE_MS = 5_000;
/** A watch that ends this much before its time was ended by the server or the network. */
const EARLY_MS = 2_000;
/** So many watches in a row that the server accepted and never sent anything over are no watches: it is listed again. */
const MUTE_WATCHES = 2;
/** For a moment a list needs more memory than what is kept of it; many clusters at once would need it together. */
const LISTS = new Turns({ atOnce: 8, longestMs: 500 });
/** A watch that the server does not end at the time that it was asked for is ended here this much later. */
const OVERTIME_MS = 30_000;
/** So many pages hold as many objects as are kept, with room for servers that send fewer at a time. */
const PAGES = 10_000;
/** So many of the largest objects that are read fit into a page. */
const SHORTEST_PAGE = BOUNDS.pageBytes / BOUNDS.objectBytes;
const INITIAL_EVENTS_END = 'k8s.io/initial-events-end';

/**
 * Follows one kind for as long as {@link run} runs, whatever breaks: a lost connection resumes from the
 * last resource version without a list, an expired one (410) lists again, and so do two watches in a row that never
 * bring anything; everything else backs off.
 *
 *     Empty ──streaming list, or pages──▶ Watching ──error──▶ Watching (same version, after a pause)
 *       ▲─────────────────────────────410────┘
 *
 * Lists are streamed (KEP-3157) where the server can, paged otherwise.
 */
export class Watcher<T extends KubeObject> {
  readonly #options: WatcherOptions<T>;
  readonly #timings: WatcherTimings;
  readonly #clock: Clock;
  readonly #backoff: Backoff;
  #state: State = EMPTY;
  #streamingLists = true;
  #pageSize: number;
  #listedAt = Number.NEGATIVE_INFINITY;
  /** The last watch ended otherwise than at the time that it was asked for. */
  #interrupted = false;
  /** Watches in a row that were accepted and over which nothing came. */
  #mute = 0;
  #heardAt: number;
  /** Ends its turn to list. */
  #listed: () => void = () => undefined;

  constructor(options: WatcherOptions<T>) {
    this.#options = options;
    this.#timings = { ...DEFAULT_TIMINGS, ...options.timings };
    this.#pageSize = this.#timings.pageSize;
    this.#clock = options.clock ?? systemClock;
    this.#heardAt = this.#clock.monotonic();
    const { backoffBaseMs: base, backoffMaxMs: max, backoffResetMs: resetAfter } = this.#timings;
    this.#backoff = new Backoff({ base, max, resetAfter, clock: this.#clock, ...pickRandom(options) });
  }

  /** Milliseconds since the server last sent anything. */
  get ageMs(): number {
    return this.#clock.monotonic() - this.#heardAt;
  }

  /** Watches until the signal aborts; never rejects for an error of the server or the network. */
  async run(client: Client, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const { moved } = client.transport;
      try {
        await this.#step(client, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof ConnectionMovedError) {
          // it goes on over another connection at once; whether that is of the same server is asked there
          this.#interrupted ||= error.elsewhere;
          continue;
        }
        this.#options.onHealth?.(error);
        // an expired version is mended by listing, at once unless the last list did not help; a list has no version
        const isMended = isExpired(error) && this.#state.name === 'Watching' && this.#isListOld;
        if (isExpired(error)) this.#state = EMPTY;
        this.#interrupted = true;
        if (!isMended) await this.#pause(signal, moved);
      }
    }
  }

  get #isListOld(): boolean {
    return this.#clock.monotonic() - this.#listedAt >= RELIST_PAUSE_MS;
  }

  /** What was refused over the connection before is asked at once over the next. */
  async #pause(signal: AbortSignal, moved: AbortSignal | undefined): Promise<void> {
    await this.#clock.sleep(this.#backoff.next(), moved ? AbortSignal.any([signal, moved]) : signal);
    if (moved?.aborted) this.#backoff.reset();
  }

  async #step(client: Client, signal: AbortSignal): Promise<void> {
    if (this.#state.name === 'Watching') {
      const { resourceVersion } = this.#state;
      return await this.#follow(client, { resourceVersion }, signal, 'watch');
    }
    this.#listed = await LISTS.take(this.#clock, signal);
    try {
      signal.throwIfAborted();
      if (this.#streamingLists) await this.#streamingList(client, signal);
      else await this.#pagedList(client, signal);
    } finally {
      this.#listed();
    }
  }

  async #streamingList(client: Client, signal: AbortSignal): Promise<void> {
    const query = { sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan' };
    try {
      await this.#follow(client, query, signal, 'list');
    } catch (error) {
      const unsupported = error instanceof ApiError && (error.code === 422 || error.code === 400);
      if (!unsupported && !(error instanceof StreamingListUnsupported)) throw error;
      this.#streamingLists = false;
    }
  }

  async #pagedList(client: Client, signal: AbortSignal): Promise<void> {
    const { emit } = this.#options;
    await emit({ type: 'Init' });
    let resourceVersion = '';
    let token: string | undefined;
    let length = 0;
    for (let pages = 1; ; pages += 1) {
      const list = await this.#page(client, token, signal);
      this.#heardAt = this.#clock.monotonic();
      length += list.length;
      this.#assertListLength(length);
      for (const object of list.items) await emit({ type: 'InitApply', object });
      resourceVersion = list.resourceVersion;
      token = list.continue;
      if (token === undefined) break;
      if (pages === PAGES) throw new AnswerError(`GET ${this.#name()}`, `the list has more than ${PAGES} pages`);
    }
    await this.#initialised(resourceVersion);
  }

  /** A page; a shorter one where the objects are so large that a page of them is longer than is read of an answer. */
  async #page(client: Client, token: string | undefined, signal: AbortSignal): Promise<ListPage<T>> {
    for (;;) {
      const limit = this.#pageSize;
      const page = { ...this.#options, limit, ...(token === undefined ? {} : { continue: token }) };
      try {
        return await client.list(this.#options.type, page, { signal, timeoutMs: 60_000 });
      } catch (error) {
        if (!(error instanceof TooLongError) || limit <= SHORTEST_PAGE) throw error;
        this.#pageSize = Math.max(SHORTEST_PAGE, Math.floor(limit / 4)); // from now on, too
      }
    }
  }

  /** Opens one watch and emits what it brings until it ends. */
  async #follow(
    client: Client,
    query: Readonly<Record<string, string>>,
    signal: AbortSignal,
    mode: 'list' | 'watch',
  ): Promise<void> {
    const { type, emit } = this.#options;
    const idle = new IdleDeadline(this.#clock, signal);
    const openedAt = this.#clock.monotonic();
    let initialising = mode === 'list';
    let isMute = false;
    let listed = 0;
    idle.arm(initialising ? this.#timings.initIdleMs : this.#timings.idleMs);
    try {
      const seconds = this.#watchSeconds();
      const all = { ...query, allowWatchBookmarks: 'true', timeoutSeconds: String(seconds) };
      const response = await client.watch(type, this.#options, all, idle.signal);
      if (initialising) await emit({ type: 'Init' });
      else if (await this.#continues(query.resourceVersion ?? '', idle.signal)) this.#healthy();
      else return;
      isMute = true;
      for await (const line of lines(response.body, client.transport.held)) {
        isMute = false;
        this.#mute = 0;
        this.#heardAt = this.#clock.monotonic();
        if (this.#heardAt - openedAt > seconds * 1000 + OVERTIME_MS) break;
        listed += initialising ? line.length : 0;
        this.#assertListLength(listed);
        idle.arm(initialising ? this.#timings.initIdleMs : this.#timings.idleMs);
        const frame = this.#parse(line);
        if (frame.type === 'BOOKMARK') {
          initialising = await this.#bookmark(frame.object, initialising);
          idle.arm(initialising ? this.#timings.initIdleMs : this.#timings.idleMs); // the list may be complete now
        } else if (initialising) {
          await emit({ type: 'InitApply', object: frame.object });
        } else {
          await emit({ type: frame.type === 'DELETED' ? 'Delete' : 'Apply', object: frame.object });
          this.#advance(frame.object);
        }
      }
      if (initialising) throw new Error(`${this.#name()}: the list ended before it was complete`);
      const lasted = this.#clock.monotonic() - openedAt;
      this.#interrupted = lasted < seconds * 1000 - EARLY_MS;
      if (lasted < MIN_WATCH_MS) throw new AnswerError(`WATCH ${this.#name()}`, 'the server ended the watch at once');
    } catch (error) {
      if (signal.aborted) throw error;
      if (idle.expired && initialising) throw new StreamingListUnsupported();
      if (!idle.expired) throw error;
      this.#interrupted = true;
      // silent for too long: opened again from the same version, which costs one request and is no failure
      if (isMute) this.#muted();
    } finally {
      idle.disarm();
    }
  }

  /** Something between here and the server swallows what watches bring: what happened meanwhile is found by listing. */
  #muted(): void {
    this.#mute += 1;
    if (this.#mute < MUTE_WATCHES) return;
    this.#mute = 0;
    this.#state = EMPTY;
  }

  /** Whether the watch may go on after this version; if not, the next step lists. */
  async #continues(resourceVersion: string, signal: AbortSignal): Promise<boolean> {
    const { type, resumed } = this.#options;
    if (!this.#interrupted || !resumed) return true;
    const same = await resumed({ type, selection: this.#options, resourceVersion, signal });
    this.#interrupted = false;
    if (!same) this.#state = EMPTY;
    return same;
  }

  /** Returns whether the list is still incomplete. */
  async #bookmark(object: T, initialising: boolean): Promise<boolean> {
    if (!initialising) {
      this.#advance(object);
      return false;
    }
    if (object.metadata?.annotations?.[INITIAL_EVENTS_END] !== 'true') return true;
    await this.#initialised(object.metadata.resourceVersion ?? '');
    return false;
  }

  async #initialised(resourceVersion: string): Promise<void> {
    await this.#options.emit({ type: 'InitDone', resourceVersion });
    this.#state = { name: 'Watching', resourceVersion };
    this.#listedAt = this.#clock.monotonic();
    this.#listed();
    this.#interrupted = false;
    this.#healthy();
  }

  #advance(object: T): void {
    const { resourceVersion } = object.metadata ?? {};
    if (resourceVersion) this.#state = { name: 'Watching', resourceVersion };
  }

  #assertListLength(length: number): void {
    const most = this.#options.listBytes ?? BOUNDS.listBytes;
    if (length > most) throw new AnswerError(`GET ${this.#name()}`, `the list is longer than ${inMiB(most)}`);
  }

  #parse(line: string): Frame<T> {
    const request = `WATCH ${this.#name()}`;
    const { type, object } = parseObject(line, request) as { readonly type?: unknown; readonly object?: unknown };
    switch (type) {
      case 'ADDED':
      case 'MODIFIED':
      case 'DELETED':
        return { type, object: checkObject(object, this.#options.type, this.#place, request) };
      case 'BOOKMARK':
        // it has a version and annotations, and no name
        return { type, object: checkBookmark(object, request) as T };
      case 'ERROR': {
        const status: StatusBody = typeof object === 'object' && object !== null ? object : {};
        throw new ApiError(typeof status.code === 'number' ? status.code : 500, status, request);
      }
      default:
        throw new AnswerError(request, `an event of no known type: ${String(type).slice(0, 100)}`);
    }
  }

  /** Where its objects must be. */
  get #place(): Place {
    const { namespace } = this.#options;
    return namespace ? { namespace } : {};
  }

  #healthy(): void {
    this.#heardAt = this.#clock.monotonic();
    this.#options.onHealth?.(undefined);
  }

  #watchSeconds(): number {
    const [least, most] = this.#timings.watchSeconds;
    return Math.round(least + (this.#options.random ?? Math.random)() * (most - least));
  }

  #name(): string {
    return describeSelection(this.#options.type, this.#options);
  }
}

class StreamingListUnsupported extends Error {
  override readonly name = 'StreamingListUnsupported';
}

function pickRandom(options: { readonly random?: () => number }): { random?: () => number } {
  return options.random ? { random: options.random } : {};
}
