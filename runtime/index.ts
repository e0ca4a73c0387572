export { parseAnswer, parseObject } from './answers.ts';
export { Backoff } from './backoff.ts';
export { BOUNDS } from './bounds.ts';
export { Cache, type InformerRequest } from './cache.ts';
export * from './client.ts';
export { type Clock, systemClock } from './clock.ts';
export { Cluster, type ClusterOptions, ClusterReplacedError } from './cluster.ts';
export { Clusters, type EngageHandler } from './clusters.ts';
export * from './conditions.ts';
export * from './controller.ts';
export * from './credentials.ts';
export { jsonEqual } from './equality.ts';
export * from './errors.ts';
export * from './finalizer.ts';
export { isLoopback, type ServingOptions } from './health.ts';
export { Informer } from './informer.ts';
export type { AppliedContext, InformerHandler } from './informer-options.ts';
export { weightOf } from './kept.ts';
export { LeaderElection, type LeaderElectionOptions, type Lease, type Renewal, writtenAfter } from './leader.ts';
export { Limiter } from './limiter.ts';
export { createLogger, type Logger, silentLogger } from './log.ts';
export { Manager, type ManagerOptions, type Runnable } from './manager.ts';
export { returnMemory, shareSmallBlocks } from './memory.ts';
export { registry } from './metrics.ts';
export { MESSAGE_LENGTH, named, printable } from './printable.ts';
export { PROXY_SCHEMES, ProxyError, proxyErrorOf, withoutUserinfo } from './proxy.ts';
export * from './quantity.ts';
export { type AddOptions, type Priority, WorkQueue } from './queue.ts';
export { type EventIntent, Recorder } from './recorder.ts';
export * from './resource.ts';
export type { Selection } from './selection.ts';
export {
  type LabelSelector,
  parseSelector,
  SELECTOR_BOUNDS,
  SelectorError,
  selectorText,
} from './selector.ts';
export { SelectorCache } from './selector-cache.ts';
export { type CertificateFiles, readCertificate } from './serving-certificate.ts';
export { SharedQuestion } from './shared-question.ts';
export { dropBookkeeping } from './transform.ts';
export { MAX_IN_FLIGHT, Transport, type TransportOptions } from './transport.ts';
export { type Watched, WatchedTogether } from './watched.ts';
export { DEFAULT_TIMINGS, type WatchEvent, Watcher, type WatcherTimings } from './watcher.ts';
