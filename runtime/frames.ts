const NEWLINE = 0x0a;
/** Larger than any object that etcd can hold; a frame beyond it is not one of an API server. */
const MAX_FRAME_BYTES = 64 * 1024 * 1024;

/**
 * Cuts a byte stream into its lines. Cutting happens on bytes, so a chunk that ends inside a UTF-8
 * sequence does no harm. What follows the last newline when the stream ends is dropped: half a frame.
 */
export async function* lines(chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let pending: Buffer[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      pending.push(chunk.subarray(start, end));
      const line = pending.length === 1 ? pending[0] : Buffer.concat(pending);
      pending = [];
      size = 0;
      start = end + 1;
      if (line !== undefined && line.length > 0) yield line.toString('utf8');
    }
    if (start < chunk.length) pending.push(chunk.subarray(start));
    size += chunk.length - start;
    if (size > MAX_FRAME_BYTES) throw new Error(`a watch frame exceeds ${MAX_FRAME_BYTES} bytes`);
  }
}
