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

/** Kubernetes caps quantities here. */
const MOST = (2n ** 63n - 1n) * 1_000_000_000n;
/** A quantity with more characters says nothing that a shorter one does not. */
const LONGEST = 64;

export const NOTHING: Amounts = { cpu: 0n, memory: 0n, pods: 0n };

/** What a list has of the three resources; 0 of one that is missing. @throws QuantityError for what is no quantity */
export function amountsOf(list: ResourceList = {}): Amounts {
  return { cpu: nanosOf(list.cpu), memory: nanosOf(list.memory), pods: nanosOf(list.pods) };
}

type Resource = keyof Amounts;
const RESOURCES: readonly Resource[] = ['cpu', 'memory', 'pods'];

/** As {@link amountsOf}, of whatever a server sent: what is no quantity is left out and named. */
export function readAmounts(list: unknown): { readonly amounts: Amounts; readonly unreadable: readonly Resource[] } {
  const unreadable: Resource[] = [];
  const amounts = { ...NOTHING };
  for (const resource of RESOURCES) {
    try {
      amounts[resource] = amountsOf({ [resource]: fieldOf(list, resource) as string })[resource];
    } catch {
      unreadable.push(resource);
    }
  }
  return { amounts, unreadable };
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

/** Canonical quantities; equal amounts are written the same, those beyond what Kubernetes holds as the largest it does. */
export function quantitiesOf({ cpu, memory, pods }: Amounts): Quantities {
  return { cpu: canonical(cpu, 'decimal'), memory: canonical(memory, 'binary'), pods: canonical(pods, 'decimal') };
}

function canonical(nanos: bigint, format: 'binary' | 'decimal'): string {
  const text = Quantity.ofNanos(nanos < MOST ? nanos : MOST, format).toString();
  // bytes that no binary suffix fits are a decimal quantity to whoever reads them, the API server too
  return Quantity.parse(text).toString();
}

/** @throws QuantityError */
function nanosOf(text: unknown): bigint {
  if (text === undefined) return 0n;
  if (typeof text !== 'string' || text.length > LONGEST) throw new QuantityError('it is no quantity');
  const { nanos } = Quantity.parse(text);
  if (nanos < 0n || nanos > MOST) throw new QuantityError('it is no amount that a node can have');
  return nanos;
}

function fieldOf(object: unknown, name: string): unknown {
  return typeof object === 'object' && object !== null ? Reflect.get(object, name) : undefined;
}

function max(a: bigint, b: bigint): bigint {
  return a < b ? b : a;
}
