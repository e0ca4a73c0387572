import { type RawTarget, rawRequest } from '../raw-request.ts';
import { isRecord } from './api-object.ts';
import type { ParityStep } from './parity-script.ts';

/** What counts of an answer, with names instead of the values that no two servers share. */
export interface Digest {
  readonly request: string;
  readonly status: number;
  readonly answer: unknown;
}

/** Sends the steps to one server and digests its answers, one for each step. */
export async function runScript(
  target: RawTarget,
  script: readonly (ParityStep | readonly ParityStep[])[],
): Promise<Digest[]> {
  const run = new Run(target);
  const digests: Digest[] = [];
  for (const entry of script) {
    const steps: readonly ParityStep[] = 'path' in entry ? [entry] : entry;
    const answers = await Promise.all(steps.map(step => run.send(step)));
    digests.push(...answers.map(({ request, status, text }) => ({ request, status, answer: run.digest(text) })));
  }
  return digests;
}

/** A real server also sends one shortly before a watch ends, or not: it depends on the moment. */
function isPeriodicBookmark(value: unknown): boolean {
  if (!isRecord(value) || value.type !== 'BOOKMARK' || !isRecord(value.object)) return false;
  return !isRecord(value.object.metadata) || value.object.metadata.annotations === undefined;
}

class Run {
  readonly #target: RawTarget;
  readonly #saved = new Map<string, string>();
  /** Resource versions and uids of objects, in the order of their appearance. */
  readonly #names = new Map<string, string>();

  constructor(target: RawTarget) {
    this.#target = target;
  }

  async send(step: ParityStep): Promise<{ request: string; status: number; text: string }> {
    const { method = 'GET', headers = {}, save } = step;
    const body = step.body === undefined ? {} : { body: this.#fill(asText(step.body)) };
    const response = await rawRequest(this.#target, { method, path: this.#fill(step.path), headers, ...body });
    if (save) this.#save(save, response.text);
    const shown = step.body === undefined ? '' : ` ${asText(step.body)}`;
    return { request: `${method} ${step.path}${shown}`, status: response.status, text: response.text };
  }

  /** An object, a Status, a list, the frames of a watch, or plain text. */
  digest(text: string): unknown {
    const values = parseAll(text);
    if (values === undefined) return text;
    return values
      .filter(value => !isPeriodicBookmark(value))
      .map(value => (isRecord(value) ? this.#digestValue(value) : value));
  }

  #digestValue(value: Record<string, unknown>): unknown {
    if (typeof value.type === 'string' && isRecord(value.object) && value.metadata === undefined)
      return { type: value.type, object: this.#digestValue(value.object) };
    if (value.kind === 'Status') return this.#digestStatus(value);
    const metadata = this.#digestMetadata(value, isRecord(value.metadata) ? value.metadata : {});
    if (!Array.isArray(value.items)) return { ...value, metadata };
    const items = value.items.map(item => (isRecord(item) ? this.#digestValue(item) : item));
    return { ...value, metadata, items };
  }

  #digestStatus({ message: _, details, metadata, ...rest }: Record<string, unknown>): unknown {
    const { causes, uid, ...others } = isRecord(details) ? details : {};
    const named = Array.isArray(causes)
      ? causes.map(cause => (isRecord(cause) ? `${cause.reason} ${cause.field ?? ''}` : ''))
      : [];
    return {
      ...rest,
      metadata: isRecord(metadata) ? Object.keys(metadata) : metadata,
      details: {
        ...others,
        causes: [...new Set(named)],
        ...(uid === undefined ? {} : { uid: this.#name('uid', uid) }),
      },
    };
  }

  #digestMetadata(value: Record<string, unknown>, metadata: Record<string, unknown>): unknown {
    const { managedFields: _, resourceVersion, uid, name, ...rest } = metadata;
    const isObject = uid !== undefined;
    const digest: Record<string, unknown> = { ...rest };
    for (const field of ['creationTimestamp', 'deletionTimestamp'])
      if (digest[field] !== undefined) digest[field] = 'a time';
    if (digest.continue === '') delete digest.continue;
    if (digest.continue !== undefined) digest.continue = 'a token';
    if (name !== undefined) digest.name = String(name).replace(/^generated-.{5}$/, 'generated-xxxxx');
    if (isObject) digest.uid = value.metadata === undefined ? '' : this.#uidName(uid, resourceVersion);
    if (resourceVersion !== undefined)
      digest.resourceVersion = isObject ? this.#name('version', resourceVersion) : 'a version';
    return digest;
  }

  /** A dry run makes up a uid that nothing else has. */
  #uidName(uid: unknown, resourceVersion: unknown): string {
    return resourceVersion === undefined ? 'a uid' : this.#name('uid', uid);
  }

  #name(what: string, value: unknown): string {
    const key = `${what} ${String(value)}`;
    const name = this.#names.get(key) ?? `${what} ${this.#names.size}`;
    this.#names.set(key, name);
    return name;
  }

  #save(name: string, text: string): void {
    const [value] = parseAll(text) ?? [];
    const metadata = isRecord(value) && isRecord(value.metadata) ? value.metadata : {};
    this.#saved.set(`rv:${name}`, String(metadata.resourceVersion));
    this.#saved.set(`uid:${name}`, String(metadata.uid));
    this.#saved.set(`continue:${name}`, String(metadata.continue));
  }

  #fill(text: string): string {
    return text.replace(/\{((?:rv|uid|continue):\w+)\}/g, (_, name: string) => {
      const value = this.#saved.get(name);
      if (value === undefined) throw new Error(`no step before saved ${name}`);
      return value;
    });
  }
}

const asText = (body: unknown): string => (typeof body === 'string' ? body : JSON.stringify(body));

/** The whole text as one JSON value, or each of its lines; `undefined` for what is no JSON. */
function parseAll(text: string): unknown[] | undefined {
  try {
    return [JSON.parse(text)];
  } catch {
    // a watch: one value a line
  }
  try {
    return text
      .split('\n')
      .filter(line => line !== '')
      .map(line => JSON.parse(line));
  } catch {
    return undefined;
  }
}
