/** A text that is no Kubernetes quantity. */
export class QuantityError extends Error {
  override readonly name = 'QuantityError';
}

/** Which suffixes a quantity is written with; a sum keeps those of its first part. */
type Format = 'binary' | 'decimal' | 'exponent';

/** Finer parts are rounded up, as Kubernetes does. */
const NANO_DIGITS = 9;
const ONE = 10n ** BigInt(NANO_DIGITS);
const BINARY: readonly string[] = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
/** From the smallest: each is a thousand times the one before, the first is a nano. */
const DECIMAL: readonly string[] = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'];
const SYNTAX = /^([+-]?)(\d+(?:\.\d*)?|\.\d+)(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]|[eE][+-]?\d{1,3})?$/;
/** A longer text is not parsed. */
const LENGTH = 64;
const DIGITS = 40;
/** Kubernetes caps what is written with a binary suffix, and counts all in 64 bits: maxAllowed of its quantity.go. */
const MOST = (2n ** 63n - 1n) * ONE;
/** Powers of ten that take the smallest digit past {@link MOST}, or the largest number below a nano. */
const OUT_OF_RANGE = 2 * DIGITS;

/**
 * An amount of a resource as Kubernetes writes it: `100m`, `1.5Gi`, `1e3`. Exact, immutable; equal amounts
 * compare as equal however they are written. At most 2^63-1, and at least as much below zero: what is read, or comes of
 * a sum, is capped there. Source: k8s.io/apimachinery/pkg/api/resource.
 */
export class Quantity {
  static readonly ZERO = new Quantity(0n, 'decimal');
  readonly #nanos: bigint;
  readonly #format: Format;

  private constructor(nanos: bigint, format: Format) {
    this.#nanos = nanos;
    this.#format = format;
  }

  /** Takes time and memory that a bound on the text keeps small, 40 digits at most. @throws QuantityError */
  static parse(text: string): Quantity {
    if (text.length > LENGTH) throw refusal(text, `must have at most ${LENGTH} characters`);
    const [, sign = '', number = '', suffix = ''] = SYNTAX.exec(text) ?? [];
    if (number === '') throw refusal(text, 'a number with an optional suffix such as m, k, Gi or e3');
    const [whole = '', fraction = ''] = number.split('.');
    if (whole.length + fraction.length > DIGITS) throw refusal(text, `must have at most ${DIGITS} digits`);
    const digits = BigInt(`${whole}${fraction}`);
    const [scale, decimals, format] = scaleOf(suffix);
    const nanos = roundedUp(digits * scale, decimals + NANO_DIGITS - fraction.length);
    return Quantity.ofNanos(sign === '-' ? -nanos : nanos, format);
  }

  /** So many billionths, the finest part there is, written with suffixes of this kind where they fit. */
  static ofNanos(nanos: bigint, format: Format): Quantity {
    return new Quantity(nanos > MOST ? MOST : nanos < -MOST ? -MOST : nanos, format);
  }

  /** The amount in billionths. */
  get nanos(): bigint {
    return this.#nanos;
  }

  plus(other: Quantity): Quantity {
    return Quantity.ofNanos(this.#nanos + other.#nanos, this.#nanos === 0n ? other.#format : this.#format);
  }

  minus(other: Quantity): Quantity {
    return Quantity.ofNanos(this.#nanos - other.#nanos, this.#nanos === 0n ? other.#format : this.#format);
  }

  /** Negative when this is less than the other, 0 when they are equal. */
  compare(other: Quantity): number {
    return this.#nanos < other.#nanos ? -1 : this.#nanos > other.#nanos ? 1 : 0;
  }

  get isNegative(): boolean {
    return this.#nanos < 0n;
  }

  /** The canonical form: what the API server makes of it. */
  toString(): string {
    const nanos = this.#nanos < 0n ? -this.#nanos : this.#nanos;
    const sign = this.#nanos < 0n ? '-' : '';
    if (nanos === 0n) return '0';
    if (this.#format === 'binary' && nanos >= 1024n * ONE && nanos % ONE === 0n) return sign + binary(nanos / ONE);
    return sign + decimal(nanos, this.#format === 'exponent');
  }
}

/** The larger of the two; the first when they are equal. */
export function maxQuantity(a: Quantity, b: Quantity): Quantity {
  return a.compare(b) < 0 ? b : a;
}

/** What a suffix multiplies by: a factor, and so many powers of ten. */
function scaleOf(suffix: string): [factor: bigint, decimals: number, format: Format] {
  const power = BINARY.indexOf(suffix);
  if (power > 0) return [1024n ** BigInt(power), 0, 'binary'];
  const thousand = DECIMAL.indexOf(suffix);
  if (thousand >= 0) return [1n, 3 * thousand - NANO_DIGITS, 'decimal'];
  return [1n, Number(suffix.slice(1)), 'exponent'];
}

/** digits × 10^decimals, away from zero where that is no whole number. */
function roundedUp(digits: bigint, decimals: number): bigint {
  if (digits === 0n) return 0n;
  if (decimals > OUT_OF_RANGE) return MOST;
  if (decimals < -OUT_OF_RANGE) return 1n;
  if (decimals >= 0) return digits * 10n ** BigInt(decimals);
  const divisor = 10n ** BigInt(-decimals);
  return (digits + divisor - 1n) / divisor;
}

function binary(value: bigint): string {
  let rest = value;
  let power = 0;
  while (rest % 1024n === 0n && power < BINARY.length - 1) {
    rest /= 1024n;
    power += 1;
  }
  return `${rest}${BINARY[power]}`;
}

function decimal(nanos: bigint, exponent: boolean): string {
  const digits = `${nanos}`;
  const zeros = digits.length - digits.replace(/0+$/, '').length;
  const power = Math.min(Math.floor(zeros / 3), exponent ? zeros : DECIMAL.length - 1);
  const rest = digits.slice(0, digits.length - 3 * power);
  const tens = 3 * power - NANO_DIGITS;
  if (exponent) return tens === 0 ? rest : `${rest}e${tens}`;
  return `${rest}${DECIMAL[power]}`;
}

const SHOWN = 48;

/** Quotes as much of the text as a message has room for. */
function refusal(text: string, rule: string): QuantityError {
  const shown = text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
  return new QuantityError(`"${shown}" is not a quantity: ${rule}`);
}
