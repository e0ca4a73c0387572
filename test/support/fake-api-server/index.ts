export type { FaultName, FaultOptions, FaultRule, Faults } from './faults.ts';
export { ConfigMaps, Events, type FakeKind, Leases, Namespaces, Secrets } from './kinds.ts';
export type { ObjectStore } from './object-store.ts';
export type { FakeApiServerOptions } from './options.ts';
export { type Random, seededRandom } from './random.ts';
export { type RecordedRequest, type RequestFilter, type RequestLog, WRITE_VERBS } from './request-log.ts';
export { FakeApiServer } from './server.ts';
export { type Status, StatusError } from './status.ts';
