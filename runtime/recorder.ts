import { createHash } from 'node:crypto';
import type { Client } from './client.ts';
import { type Clock, systemClock } from './clock.ts';
import { microTimestamp } from './conditions.ts';
import { errorMessage, isAlreadyExists, isNotFound } from './errors.ts';
import type { Logger } from './log.ts';
import { apiVersion, Events, type KubeObject, type ResourceType } from './resource.ts';

interface Event extends KubeObject {
  readonly series?: { readonly count: number; readonly lastObservedTime: string };
}

const EventType: ResourceType<Event> = Events;

export interface EventIntent {
  readonly type: 'Normal' | 'Warning';
  /** CamelCase, for machines. */
  readonly reason: string;
  /** CamelCase: what was being done. */
  readonly action: string;
  /** One sentence, for people. At most 1,024 bytes of UTF-8 are sent. */
  readonly note: string;
}

export interface RecorderOptions {
  readonly client: Client;
  readonly log: Logger;
  /** Such as `paddock.dev/project`. */
  readonly controller: string;
  readonly instance: string;
  readonly clock?: Clock;
  /** Events of one reason for one object that may come at once [20]; later ones one every ten seconds. */
  readonly burst?: number;
  /** Where only so many may be there at once: they are called `<prefix>-<number>`, with numbers below `count` [any name]. */
  readonly numbered?: { readonly prefix: string; readonly count: number };
}

interface Remembered {
  readonly namespace: string;
  name: string;
  count: number;
  lastAt: number;
  /** The count that the server was told last. */
  told: number;
}

interface Bucket {
  tokens: number;
  at: number;
}

const SERIES_MS = 6 * 60_000;
const REFILL_MS = 10_000;
const REMEMBERED = 2_000;
/** Numbers that are tried for one event: those of the last hour may be taken. */
const TRIES = 8;
/** Events that may wait to be sent; what comes while so many do is lost. */
const WAITING = 2_000;

/**
 * Records events (events.k8s.io/v1) without ever failing or delaying its caller. The same event again
 * becomes a series of the first; a flood about one object is cut off, so that a thousand namespaces
 * attached at once do not make a thousand events.
 *
 * They are sent one after the other, in the order in which they were recorded: however many there are, they take one
 * place among the requests in flight, and one socket.
 */
export class Recorder {
  readonly #options: RecorderOptions;
  readonly #clock: Clock;
  readonly #recent = new Map<string, Remembered>();
  readonly #buckets = new Map<string, Bucket>();
  readonly #waiting: (() => Promise<void>)[] = [];
  /** Of the next event, where they are numbered: another process begins elsewhere. */
  #number = Math.floor(Math.random() * 1_000);
  /** Resolves when nothing waits. */
  #sending: Promise<void> | undefined;

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** Records an event about an object, in its namespace, or in `default` for a cluster-scoped one. */
  record<T extends KubeObject>(type: ResourceType<T>, regarding: T, event: EventIntent): void {
    const { uid = '', name = '', namespace = 'default' } = regarding.metadata ?? {};
    const now = this.#clock.now();
    const id = createHash('sha256').update([uid, event.reason, event.action, event.note].join('\0')).digest('hex');
    const before = this.#recent.get(id);
    const again = before && now - before.lastAt < SERIES_MS ? before : undefined;
    if (again) {
      again.count += 1;
      again.lastAt = now;
    }
    if (!this.#admit(`${uid} ${event.reason}`, now)) return;
    if (again) {
      const create = () => this.#create(type, regarding, event, now, again);
      this.#send(() => this.#continue(again, create));
      return;
    }
    const eventName = this.#numbered() ?? `${name.slice(0, 200)}.${id.slice(0, 10)}${now.toString(16)}`;
    const remembered = { namespace, name: eventName, count: 1, lastAt: now, told: 1 };
    this.#send(() => this.#create(type, regarding, event, now, remembered));
    this.#remember(id, remembered);
  }

  #numbered(): string | undefined {
    const { numbered } = this.#options;
    if (!numbered) return undefined;
    this.#number = (this.#number + 1) % numbered.count;
    return `${numbered.prefix}-${this.#number}`;
  }

  /** Resolves when everything recorded so far was sent or given up. */
  async flush(): Promise<void> {
    await this.#sending;
  }

  async #create<T extends KubeObject>(
    type: ResourceType<T>,
    { metadata }: T,
    { type: eventType, reason, action, note }: EventIntent,
    now: number,
    remembered: Remembered,
  ): Promise<void> {
    const { controller, instance } = this.#options;
    const regarding = {
      apiVersion: apiVersion(type),
      kind: type.kind,
      name: metadata?.name,
      uid: metadata?.uid,
      ...(metadata?.namespace ? { namespace: metadata.namespace } : {}),
    };
    const body = {
      eventTime: microTimestamp(now),
      reportingController: controller,
      reportingInstance: clip(instance, 128),
      type: eventType,
      reason,
      action,
      note: clip(note, 1024),
      regarding,
    };
    await this.#createNamed(remembered, body);
  }

  /** Under its name, or where events are numbered and the number is taken under one of the next. */
  async #createNamed(remembered: Remembered, body: object): Promise<void> {
    const { client, numbered } = this.#options;
    const { namespace } = remembered;
    for (let tries = 1; ; tries++) {
      const metadata = { name: remembered.name, namespace };
      try {
        await client.create<KubeObject>(EventType, { namespace }, { metadata, ...body });
        return;
      } catch (error) {
        if (!numbered || !isAlreadyExists(error) || tries === TRIES) throw error;
        remembered.name = this.#numbered() ?? remembered.name;
      }
    }
  }

  async #continue(event: Remembered, create: () => Promise<void>): Promise<void> {
    const { namespace, name, count, lastAt } = event;
    if (count === event.told) return;
    event.told = count;
    const series = { count, lastObservedTime: microTimestamp(lastAt) };
    try {
      await this.#options.client.mergePatch(EventType, { namespace, name }, { series });
    } catch (error) {
      if (!isNotFound(error)) throw error;
      await create(); // events expire
    }
  }

  #send(write: () => Promise<void>): void {
    if (this.#waiting.length < WAITING) {
      this.#waiting.push(write);
      this.#sending ??= this.#sendAll();
    } else {
      this.#lost(`${WAITING} others wait to be sent`);
    }
  }

  async #sendAll(): Promise<void> {
    for (let write = this.#waiting.shift(); write; write = this.#waiting.shift())
      await write().catch(error => this.#lost(errorMessage(error)));
    this.#sending = undefined;
  }

  #lost(reason: string): void {
    this.#options.log.info({ reason }, 'an event could not be recorded');
  }

  #admit(id: string, now: number): boolean {
    const { burst = 20 } = this.#options;
    const bucket = this.#buckets.get(id) ?? { tokens: burst, at: now };
    bucket.tokens = Math.min(burst, bucket.tokens + (now - bucket.at) / REFILL_MS);
    bucket.at = now;
    this.#buckets.delete(id);
    this.#buckets.set(id, bucket);
    trim(this.#buckets);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }

  #remember(id: string, event: Remembered): void {
    this.#recent.delete(id);
    this.#recent.set(id, event);
    trim(this.#recent);
  }
}

/** At most so many bytes of UTF-8, which is what the API server counts; no character is cut in half. */
function clip(text: string, bytes: number): string {
  return new TextDecoder().decode(Buffer.from(text).subarray(0, bytes), { stream: true });
}

/** Forgets what was added longest ago. */
function trim(map: Map<string, unknown>): void {
  for (const key of map.keys()) {
    if (map.size <= REMEMBERED) return;
    map.delete(key);
  }
}
