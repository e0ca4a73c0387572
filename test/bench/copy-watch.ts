import type { Client } from '#runtime';
import { lines } from '../../runtime/frames.ts';
import { type SecretObject, SecretType } from '../support/fleet.ts';

/** What is waited for: one matching event in each of so many namespaces. */
interface Expectation {
  readonly type: string;
  readonly matches: (object: SecretObject) => boolean;
  readonly seen: Set<string>;
  readonly count: number;
  readonly resolve: (at: number) => void;
}

/** A watch on Secrets apart from the operator's, which tells when the last of many was seen. */
export class CopyWatch {
  readonly #stop = new AbortController();
  #expectation: Expectation | undefined;
  #done: Promise<void> | undefined;

  async start(client: Client): Promise<void> {
    const { items: _items, resourceVersion } = await client.list(SecretType, { labelSelector: WATCHED, limit: 1 });
    const query = { resourceVersion, allowWatchBookmarks: 'true', timeoutSeconds: '3600' };
    const response = await client.watch(SecretType, { labelSelector: WATCHED }, query, this.#stop.signal);
    this.#done = this.#read(response.body).catch(error => {
      if (!this.#stop.signal.aborted) throw error;
    });
  }

  /** Resolves with the time (performance.now) at which the last of `count` namespaces had its event. */
  async all(count: number, type: string, matches: (object: SecretObject) => boolean): Promise<number> {
    return await new Promise(resolve => {
      this.#expectation = { type, matches, seen: new Set(), count, resolve };
    });
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  async #read(body: AsyncIterable<Buffer>): Promise<void> {
    for await (const line of lines(body)) {
      const { type, object }: { type: string; object: SecretObject } = JSON.parse(line);
      const expected = this.#expectation;
      if (!expected || type !== expected.type || !expected.matches(object)) continue;
      expected.seen.add(object.metadata?.namespace ?? '');
      if (expected.seen.size < expected.count) continue;
      this.#expectation = undefined;
      expected.resolve(performance.now());
    }
  }
}

/** On every Secret of the benchmark, raw or copied: so both are seen by the same watch. */
export const WATCHED = 'bench.example/watched=true';
