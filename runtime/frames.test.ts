import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { lines } from './frames.ts';

const SEED = 3;

async function* inPieces(bytes: Buffer, cuts: readonly number[]): AsyncGenerator<Buffer> {
  const edges = [0, ...cuts.map(cut => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  for (let i = 1; i < edges.length; i++) yield bytes.subarray(edges[i - 1], edges[i]);
}

async function collect(bytes: Buffer, cuts: readonly number[]): Promise<string[]> {
  const found: string[] = [];
  for await (const line of lines(inPieces(bytes, cuts))) found.push(line);
  return found;
}

describe('lines', () => {
  test('a cut inside a UTF-8 sequence does no harm', async () => {
    const bytes = Buffer.from('žluťoučký kůň 🐎\nh\n');
    for (let cut = 0; cut <= bytes.length; cut++)
      expect(await collect(bytes, [cut])).toEqual(['žluťoučký kůň 🐎', 'h']);
  });

  test('empty lines and an unfinished last one are dropped', async () => {
    expect(await collect(Buffer.from('\na\n\nb\nhalf'), [])).toEqual(['a', 'b']);
  });

  test('a frame that is larger than any object ends it', async () => {
    async function* endless(): AsyncGenerator<Buffer> {
      for (;;) yield Buffer.alloc(16 * 1024 * 1024, 'x');
    }
    await expect(lines(endless()).next()).rejects.toThrow('a watch frame exceeds');
  });

  test('property: any split of the bytes yields the same lines', async () => {
    const line = fc.string({ unit: 'binary' }).map(text => text.replaceAll('\n', ''));
    await fc.assert(
      fc.asyncProperty(fc.array(line), fc.array(fc.nat(), { maxLength: 30 }), async (texts, cuts) => {
        const bytes = Buffer.from(texts.map(text => `${text}\n`).join(''));
        const expected = bytes
          .toString('utf8')
          .split('\n')
          .filter(text => text !== '');
        expect(await collect(bytes, cuts)).toEqual(expected);
      }),
      { seed: SEED },
    );
  });
});
