const MIB = 1024 * 1024;

/** Bounds on what one API server can make this process hold. Beyond one, what was asked fails with an AnswerError. */
export const BOUNDS = {
  /** Answers to /readyz and /version, which are a few hundred bytes, and to /apis. */
  probeBytes: MIB,
  /**
   * One object, also in a watch. etcd takes 1.5 MiB unless it is set otherwise, of protobuf for most kinds, which JSON
   * makes larger: a Secret's values by a third.
   */
  objectBytes: 8 * MIB,
  /** One page of a list: 500 objects of 128 KiB. */
  pageBytes: 64 * MIB,
  /** Of an answer that is an error as much as is read; the rest says nothing more. */
  errorBytes: MIB,
  /** A whole list: 150,000 Pods, as many as Kubernetes supports, of 7 KiB. */
  listBytes: 1024 * MIB,
  /** Objects of one kind and selection: three times the Pods of the largest cluster that Kubernetes supports. */
  objects: 500_000,
  /**
   * What all caches of one downstream keep: 10,000 namespaces, as many as Kubernetes supports, with five roles in each that
   * a hundred people have take some 400 MiB.
   */
  keptBytes: 512 * MIB,
  /** All bodies of one server that are read at the same time. */
  heldBytes: 128 * MIB,
  /** Answers with a status below 200 before the answer. */
  informational: 32,
} as const;

/** What a part of a body is counted as at least: each is an object of its own, however little is in it. */
const LEAST_PART = 512;

export const costOf = (part: Buffer): number => Math.max(part.length, LEAST_PART);

/** Bytes of unfinished bodies of one server. */
export class HeldBytes {
  readonly #most: number;
  #held = 0;

  constructor(most: number = BOUNDS.heldBytes) {
    this.#most = most;
  }

  get held(): number {
    return this.#held;
  }

  /** False when that would be more than may be held; then nothing was added. */
  take(bytes: number): boolean {
    if (this.#held + bytes > this.#most) return false;
    this.#held += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#held -= bytes;
  }
}

/** `8 MiB`, for messages. */
export function inMiB(bytes: number): string {
  return `${Math.round(bytes / MIB)} MiB`;
}
