/**
 * The few pieces of ASN.1's distinguished encoding that certificates are made of (ITU-T X.690).
 */

function length(bytes: number): Buffer {
  if (bytes < 0x80) return Buffer.from([bytes]);
  const digits: number[] = [];
  for (let rest = bytes; rest > 0; rest = Math.floor(rest / 256)) digits.unshift(rest % 256);
  return Buffer.from([0x80 | digits.length, ...digits]);
}

function element(tag: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([tag]), length(content.length), content]);
}

/** SEQUENCE of already encoded parts. */
export const sequence = (...parts: readonly Buffer[]): Buffer => element(0x30, Buffer.concat(parts));

/** SET of already encoded parts; the caller gives one part, so there is no order to keep. */
export const set = (part: Buffer): Buffer => element(0x31, part);

/** Context-specific constructed `[number]`. */
export const tagged = (number: number, content: Buffer): Buffer => element(0xa0 | number, content);

/** Context-specific primitive `[number]`, for implicitly tagged strings. */
export const taggedPrimitive = (number: number, content: Buffer): Buffer => element(0x80 | number, content);

/** Non-negative INTEGER from big-endian bytes. */
export function integer(bytes: Buffer): Buffer {
  const firstSignificant = bytes.findIndex(byte => byte !== 0);
  const digits = firstSignificant < 0 ? Buffer.from([0]) : bytes.subarray(firstSignificant);
  const needsSignByte = (digits[0] ?? 0) >= 0x80;
  return element(0x02, needsSignByte ? Buffer.concat([Buffer.from([0]), digits]) : digits);
}

export const boolean = (value: boolean): Buffer => element(0x01, Buffer.from([value ? 0xff : 0]));

export const octetString = (content: Buffer): Buffer => element(0x04, content);

/** BIT STRING whose last `unused` bits do not count. */
export const bitString = (content: Buffer, unused = 0): Buffer =>
  element(0x03, Buffer.concat([Buffer.from([unused]), content]));

export const utf8String = (text: string): Buffer => element(0x0c, Buffer.from(text, 'utf8'));

/** OBJECT IDENTIFIER from dotted numbers. */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...others] = dotted.split('.').map(Number);
  const bytes: number[] = [];
  for (const arc of [first * 40 + second, ...others]) {
    const septets = [arc % 128];
    for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128))
      septets.unshift(0x80 | (rest % 128));
    bytes.push(...septets);
  }
  return element(0x06, Buffer.from(bytes));
}

/** Time to the second: UTCTime until 2049, GeneralizedTime from 2050 on, as RFC 5280 4.1.2.5 asks. */
export function time(date: Date): Buffer {
  const digits = `${date.toISOString().slice(0, 19).replace(/[-T:]/g, '')}Z`;
  return date.getUTCFullYear() < 2050
    ? element(0x17, Buffer.from(digits.slice(2), 'latin1'))
    : element(0x18, Buffer.from(digits, 'latin1'));
}
