import type { Client, KubeObject, ResourceType } from '#runtime';
import { lines } from '../../runtime/frames.ts';
import { type SecretObject, SecretType } from '../support/fleet.ts';

/** What is waited for: a matching event for each of so many objects. */
interface Expectation<T> {
  readonly type: string;
  readonly matches: (object: T) => boolean;
  readonly seen: Set<string>;
  readonly count: number;
  readonly resolve: (at: number) => void;
}

/** A watch apart from the operator's, which tells when the last of many objects was seen. */
export class ObjectWatch<T extends KubeObject> {
  readonly #type: ResourceType<T>;
  readonly #labelSelector: string;
  readonly #stop = new AbortController();
  #expectation: Expectation<T> | undefined;
  #done: Promise<void> | undefined;

  constructor(type: ResourceType<T>, labelSelector: string) {
    this.#type = type;
    this.#labelSelector = labelSelector;
  }

  async start(client: Client): Promise<void> {
    const { resourceVersion } = await client.list(this.#type, { labelSelector: this.#labelSelector, limit: 1 });
    this.#done = this.#follow(client, resourceVersion).catch(error => {
      if (!this.#stop.signal.aborted) throw error;
    });
  }

  /** Resolves with the time (performance.now) at which the last of `count` objects had its event. */
  async all(count: number, type: string, matches: (object: T) => boolean): Promise<number> {
    return await new Promise(resolve => {
      this.#expectation = { type, matches, seen: new Set(), count, resolve };
    });
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  /** An API server ends a watch that reads too slowly: it goes on where that one was. */
  async #follow(client: Client, from: string): Promise<void> {
    for (let resourceVersion = from; ; ) {
      const query = { resourceVersion, allowWatchBookmarks: 'true', timeoutSeconds: '3600' };
      const selection = { labelSelector: this.#labelSelector };
      const response = await client.watch(this.#type, selection, query, this.#stop.signal);
      for await (const line of lines(response.body)) {
        const { type, object }: { type: string; object: T } = JSON.parse(line);
        if (type === 'ERROR') throw new Error(`the watch cannot go on: ${line}`);
        resourceVersion = object.metadata?.resourceVersion ?? resourceVersion;
        this.#seen(type, object);
      }
    }
  }

  #seen(type: string, object: T): void {
    const expected = this.#expectation;
    if (!expected || type !== expected.type || !expected.matches(object)) return;
    expected.seen.add(`${object.metadata?.namespace}/${object.metadata?.name}`);
    if (expected.seen.size < expected.count) return;
    this.#expectation = undefined;
    expected.resolve(performance.now());
  }
}

/** A watch on the Secrets of the benchmark. */
export class CopyWatch extends ObjectWatch<SecretObject> {
  constructor() {
    super(SecretType, WATCHED);
  }
}

/** On every Secret of the benchmark, raw or copied: so both are seen by the same watch. */
export const WATCHED = 'bench.example/watched=true';
