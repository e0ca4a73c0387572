/**
 * How Node is started for an operator, by npm run dev, the benchmarks and the image: operators hold little and get it
 * in bursts. V8 would otherwise keep what a burst needed, and have thrown away its compiled code when the next one
 * comes (docs/decisions/0006-node-flags.md).
 */
export const NODE_FLAGS: readonly string[] = [
  '--max-semi-space-size=16',
  '--v8-pool-size=1',
  '--expose-gc',
  '--always-sparkplug',
  '--no-flush-bytecode',
];
/**
 * One heap for all threads of the process: glibc would otherwise reserve one for each. Blocks of 16 KiB and more, which
 * every read of a socket takes, go back to the system when they are free.
 */
export const NODE_ENVIRONMENT: Readonly<Record<string, string>> = {
  MALLOC_ARENA_MAX: '1',
  UV_THREADPOOL_SIZE: '2',
  MALLOC_MMAP_THRESHOLD_: '16384',
  MALLOC_TRIM_THRESHOLD_: '131072',
};
