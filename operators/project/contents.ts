import { type Client, type Informer, isNotFound, keyOf, keyString } from '#runtime';
import type { ContentBudget } from './content-budget.ts';
import { SHARED_KINDS, type SharedKind, type Source, SourceTypes } from './kinds.ts';
import { withinBounds } from './share-bounds.ts';
import type { Shared } from './shared.ts';
import { keptOf, withoutContent } from './source.ts';

export interface ContentsOptions {
  /** Of the hub. */
  readonly client: Client;
  readonly budget: ContentBudget;
  readonly informers: Readonly<Record<SharedKind, Informer<Source>>>;
  /** All that lies in a namespace of a project. */
  readonly of: (namespace: string) => readonly Shared[];
  readonly signal: AbortSignal;
}

/** A content that could not be read, or found no room, is read again no sooner than this. */
const AGAIN_MS = 30_000;
/** Changes are gathered for so long. */
const GATHER_MS = 100;

/**
 * Sees that the content is kept of those shared objects that are copied, where a namespace has more of them than the budget
 * takes: what is beyond the bounds of its project gives its content up, and what comes within them is read again.
 */
export class Contents {
  readonly #options: ContentsOptions;
  /** Namespaces that are about to be looked at, and when, ms of the monotonic clock. */
  readonly #due = new Map<string, { readonly at: number; readonly timer: NodeJS.Timeout }>();
  /** Those that are looked at now: one look at a time, as two would read the same. */
  readonly #looking = new Set<string>();
  /** When which version of an object was read again in vain. */
  readonly #failedAt = new Map<string, number>();

  constructor(options: ContentsOptions) {
    this.#options = options;
  }

  follow(): void {
    const { budget, informers, signal } = this.#options;
    for (const kind of SHARED_KINDS)
      informers[kind].subscribe({
        applied: ({ metadata }) => this.#changed(metadata?.namespace ?? ''),
        deleted: source => {
          budget.release(kind, source);
          this.#changed(source.metadata?.namespace ?? '');
        },
        known: () => this.#changedAll(),
      });
    signal.addEventListener('abort', () => this.#end(), { once: true });
  }

  #changedAll(): void {
    for (const informer of Object.values(this.#options.informers))
      for (const { metadata, unkept } of informer.list())
        if (unkept !== undefined) this.#changed(metadata?.namespace ?? '');
  }

  #changed(namespace: string, afterMs = GATHER_MS): void {
    const { informers, signal } = this.#options;
    const isRead = Object.values(informers).every(({ synced }) => synced);
    const due = this.#due.get(namespace);
    const at = performance.now() + afterMs;
    if (signal.aborted || !isRead || (due && due.at <= at)) return;
    clearTimeout(due?.timer); // a change does not wait for another try
    const timer = setTimeout(() => void this.#lookInTurn(namespace), afterMs).unref();
    this.#due.set(namespace, { at, timer });
  }

  async #lookInTurn(namespace: string): Promise<void> {
    this.#due.delete(namespace);
    if (this.#looking.has(namespace)) return this.#changed(namespace);
    this.#looking.add(namespace);
    try {
      await this.#look(namespace);
    } finally {
      this.#looking.delete(namespace);
    }
  }

  async #look(namespace: string): Promise<void> {
    const { budget, informers, of } = this.#options;
    const all = of(namespace);
    if (all.every(({ source }) => source.unkept === undefined)) return;
    const { within, beyond } = withinBounds(all.filter(({ source }) => !source.metadata?.deletionTimestamp));
    const isWithin = new Set(within.map(({ source }) => source));
    for (const { kind, source } of all) {
      if (isWithin.has(source) || source.unkept !== undefined || beyond.length === 0) continue;
      budget.release(kind, source);
      informers[kind].amend(keyOf(source), withoutContent(kind));
    }
    for (const { kind, source } of within) if (source.unkept !== undefined) await this.#read(kind, source);
  }

  async #read(kind: SharedKind, { metadata }: Source): Promise<void> {
    const { client, budget, informers, signal } = this.#options;
    const key = keyOf({ metadata: metadata ?? {} });
    const id = `${kind} ${keyString(key)} ${metadata?.resourceVersion}`;
    const now = performance.now();
    for (const [each, at] of this.#failedAt) if (now - at > AGAIN_MS) this.#failedAt.delete(each);
    if (this.#failedAt.has(id)) return this.#changed(key.namespace ?? '', AGAIN_MS);
    let isKept = false;
    try {
      const found = await client.get(SourceTypes[kind], key, { signal });
      const isSame = found.metadata?.resourceVersion === metadata?.resourceVersion;
      // of another version the watch tells
      if (isSame) informers[kind].amend(key, known => (isNewer(known, found) ? known : keptOf(kind, budget)(found)));
      isKept = informers[kind].get(key)?.unkept === undefined;
    } catch (error) {
      isKept = isNotFound(error); // the watch tells of that, too
    }
    if (isKept || signal.aborted) return;
    this.#failedAt.set(id, now);
    this.#changed(key.namespace ?? '', AGAIN_MS);
  }

  #end(): void {
    for (const { timer } of this.#due.values()) clearTimeout(timer);
    this.#due.clear();
  }
}

function isNewer(known: Source, found: Source): boolean {
  return known.metadata?.resourceVersion !== found.metadata?.resourceVersion;
}
