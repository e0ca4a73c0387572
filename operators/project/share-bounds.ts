import type { Shared } from './shared.ts';
import type { Refusal } from './source.ts';

/** What a project shares at most. */
export const MOST_OBJECTS = 500;
export const MOST_BYTES = 8 * 1_024 * 1_024;

/**
 * Splits what a project shares into what is copied and what is beyond its bounds. The oldest objects come first, then by
 * name and kind; one that does not fit leaves its room to the next.
 */
export function withinBounds(objects: readonly Shared[]): { readonly within: Shared[]; readonly beyond: Refusal[] } {
  const within: Shared[] = [];
  const beyond: Refusal[] = [];
  let bytes = 0;
  for (const shared of [...objects].sort(byAge)) {
    const size = sizeOf(shared);
    const isOne = within.length < MOST_OBJECTS;
    if (isOne && bytes + size <= MOST_BYTES) {
      within.push(shared);
      bytes += size;
    } else beyond.push(tooMany(shared, isOne ? `${MOST_BYTES / 2 ** 20} MiB` : `${MOST_OBJECTS} objects`));
  }
  return { within, beyond };
}

/** Of one that is within the bounds, and whose content is yet to be read again. */
export function unread({ kind, source }: Shared): Refusal {
  const message = 'it is within the bounds of its project now, and its content is about to be read';
  return { kind, name: source.metadata?.name ?? '', reason: 'TooMany', message };
}

function tooMany({ kind, source }: Shared, bound: string): Refusal {
  const message = `a project shares at most ${bound}, the oldest first: remove others, or put several into one; copies that exist stay as they are`;
  return { kind, name: source.metadata?.name ?? '', reason: 'TooMany', message };
}

function byAge(a: Shared, b: Shared): number {
  return compare(created(a), created(b)) || compare(nameOf(a), nameOf(b)) || compare(a.kind, b.kind);
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
/** RFC 3339 in UTC and seconds, as the API server writes it: in order of time. */
const created = ({ source }: Shared): string => `${source.metadata?.creationTimestamp ?? ''}`;
const nameOf = ({ source }: Shared): string => source.metadata?.name ?? '';

/** Bytes that an entry counts at least: one takes 90 in memory, however short it is. */
const LEAST_ENTRY = 64;

/** Bytes of an object's content, labels and annotations; of what is base64, bytes of what it encodes. */
export function sizeOf({ kind, source: { metadata, data = {}, binaryData = {}, unkept } }: Shared): number {
  if (unkept !== undefined) return unkept;
  const texts = [metadata?.labels ?? {}, metadata?.annotations ?? {}];
  const plain = kind === 'ConfigMap' ? [...texts, data] : texts;
  const encoded = kind === 'ConfigMap' ? binaryData : data;
  return plain.reduce((sum, part) => sum + bytesOf(part, 'utf8'), bytesOf(encoded, 'base64'));
}

function bytesOf(values: Readonly<Record<string, string>>, encoding: BufferEncoding): number {
  return Object.entries(values).reduce(
    (sum, [key, value]) => sum + Math.max(LEAST_ENTRY, key.length + Buffer.byteLength(value, encoding)),
    0,
  );
}
