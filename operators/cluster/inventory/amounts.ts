import { Quantity, QuantityError } from '#runtime';

/** Quantities by the name of their resource, as Kubernetes writes them. */
export type ResourceList = Readonly<Record<string, string>>;

/** Billionths of cores, bytes and Pods. Sums are exact, in whatever order they are made. */
export interface Amounts {
  readonly cpu: bigint;
  readonly memory: bigint;
  readonly pods: bigint;
}

/** Amounts as a status shows them. */
export interface Quantities {
  readonly cpu: string;
  readonly memory: string;
  readonly pods: string;
}

export const NOTHING: Amounts = { cpu: 0n, memory: 0n, pods: 0n };

/** What a list says of the three resources. One that is missing, or no quantity, which no API server sends, is 0. */
export function amountsOf(list: ResourceList = {}): Amounts {
  return { cpu: nanosOf(list.cpu), memory: nanosOf(list.memory), pods: nanosOf(list.pods) };
}

export function sum(a: Amounts, b: Amounts): Amounts {
  return { cpu: a.cpu + b.cpu, memory: a.memory + b.memory, pods: a.pods + b.pods };
}

export function difference(a: Amounts, b: Amounts): Amounts {
  return { cpu: a.cpu - b.cpu, memory: a.memory - b.memory, pods: a.pods - b.pods };
}

/** Of each resource the larger amount. */
export function larger(a: Amounts, b: Amounts): Amounts {
  return { cpu: max(a.cpu, b.cpu), memory: max(a.memory, b.memory), pods: max(a.pods, b.pods) };
}

/** Canonical quantities; equal amounts are written the same. */
export function quantitiesOf({ cpu, memory, pods }: Amounts): Quantities {
  return { cpu: canonical(cpu, 'decimal'), memory: canonical(memory, 'binary'), pods: canonical(pods, 'decimal') };
}

function canonical(nanos: bigint, format: 'binary' | 'decimal'): string {
  const text = Quantity.ofNanos(nanos, format).toString();
  // bytes that no binary suffix fits are a decimal quantity to whoever reads them, the API server too
  return Quantity.parse(text).toString();
}

function nanosOf(text: string | undefined): bigint {
  if (text === undefined) return 0n;
  try {
    return Quantity.parse(text).nanos;
  } catch (error) {
    if (error instanceof QuantityError) return 0n; // one bad number must not hide the whole cluster
    throw error;
  }
}

function max(a: bigint, b: bigint): bigint {
  return a < b ? b : a;
}
