import { performance } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import { type Clock, systemClock } from './clock.ts';

export interface ReturnMemoryOptions {
  readonly signal: AbortSignal;
  /** Milliseconds between two looks [15 s]. */
  readonly everyMs?: number;
  readonly clock?: Clock;
  /** The process's heap; absent where there is no way to collect it [`gc` of Node's flag --expose-gc]. */
  readonly heap?: Heap | undefined;
}

export interface Heap {
  /** Bytes that the process holds for it, used or not. */
  readonly size: () => number;
  /** The part of the time since the last call in which the process did something, 0 to 1. */
  readonly busy: () => number;
  /** Collects garbage and returns to the system what is free then. */
  readonly collect: () => Promise<void>;
}

const EVERY_MS = 15_000;
/** A process that is busier than this collects soon enough by itself, and is not made to wait. */
const AT_REST = 0.1;
/** Less than this is not worth a collection, bytes. */
const WORTH = 4 * 1024 * 1024;

/**
 * Returns memory to the system when the work that needed it is done. V8 collects when the heap has grown by a
 * factor, so an operator at rest, which allocates next to nothing, would for hours hold what a burst left behind.
 * One collection follows each burst; it takes about 2 ms for each MiB that is alive. Resolves when the signal aborts.
 */
export async function returnMemory({
  signal,
  everyMs = EVERY_MS,
  clock = systemClock,
  heap = nodeHeap(),
}: ReturnMemoryOptions): Promise<void> {
  if (!heap) return;
  let after = 0;
  heap.busy();
  while (!signal.aborted) {
    await clock.sleep(everyMs, signal);
    if (signal.aborted || heap.busy() > AT_REST || heap.size() - after < WORTH) continue;
    await heap.collect();
    after = heap.size();
  }
}

/** Bytes: smaller than what Node reads, larger than what most Buffers that stay hold. */
const BLOCK = 1024;

/**
 * Makes small Buffers share blocks of 1 KiB in this process. Node's are 64 KiB, and each is kept for the last Buffer in
 * it: a CA of 600 bytes, a TLS session, the 9 bytes of ALPN that every socket over TLS holds.
 */
export function shareSmallBlocks(): void {
  Buffer.poolSize = BLOCK;
}

/** This process's; undefined unless Node was started with --expose-gc. */
function nodeHeap(): Heap | undefined {
  const { gc } = globalThis;
  if (!gc) return undefined;
  let last = performance.eventLoopUtilization();
  return {
    size: () => getHeapStatistics().total_heap_size,
    busy: () => {
      const { utilization } = performance.eventLoopUtilization(last);
      last = performance.eventLoopUtilization();
      return utilization;
    },
    collect: async () => await gc({ type: 'major', execution: 'async', flavor: 'last-resort' }),
  };
}
