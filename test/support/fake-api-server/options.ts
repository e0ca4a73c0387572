import type { FakeKind } from './kinds.ts';

export interface FakeApiServerOptions {
  readonly kinds: readonly FakeKind[];
  /** Of faults, uids and generated names. [1] */
  readonly seed?: number;
  /** Events of all kinds that are remembered for watches and older lists. [1,000] */
  readonly watchWindow?: number;
  /** Between the bookmarks of a watch that asked for them. [50] */
  readonly bookmarkIntervalMs?: number;
  /** Whether `sendInitialEvents` is served, or refused with 422 as by an older server. [true] */
  readonly streamingLists?: boolean;
  /** How a watch from a forgotten version is refused: by an ERROR frame, as a stock server does, or with HTTP 410. ['frame'] */
  readonly expiredWatch?: 'frame' | 'http';
  /** Bearer tokens that are let in. [all, and requests without one] */
  readonly tokens?: readonly string[];
}
