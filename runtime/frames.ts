import { BOUNDS, costOf, HeldBytes, inMiB } from './bounds.ts';
import { AnswerError } from './errors.ts';

const NEWLINE = 0x0a;

/**
 * Cuts a byte stream into its lines. Cutting happens on bytes, so a chunk that ends inside a UTF-8
 * sequence does no harm. What follows the last newline when the stream ends is dropped: half a frame.
 * @throws AnswerError for a line that is longer than any object, or when more than `held` takes is unfinished
 */
export async function* lines(chunks: AsyncIterable<Buffer>, held = new HeldBytes()): AsyncGenerator<string> {
  let pending: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of chunks) {
      let start = 0;
      for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
        pending.push(chunk.subarray(start, end));
        const line = pending.length === 1 ? pending[0] : Buffer.concat(pending);
        pending = [];
        held.give(size);
        size = 0;
        start = end + 1;
        if (line !== undefined && line.length > 0) yield line.toString('utf8');
      }
      if (start === chunk.length) continue;
      const rest = chunk.subarray(start);
      const bytes = costOf(rest);
      if (size + bytes > BOUNDS.objectBytes || !held.take(bytes))
        throw new AnswerError('WATCH', `a watch frame exceeds ${inMiB(BOUNDS.objectBytes)}`);
      size += bytes;
      pending.push(rest);
    }
  } finally {
    held.give(size);
  }
}
