import {
  ANNOTATION_HUB,
  ANNOTATION_OWNER_UID,
  LABEL_CLUSTER,
  LABEL_MANAGED_BY,
  LABEL_OWNER,
  LABEL_PLANE,
  ownership,
  PLANE_HUB,
} from '#api';
import {
  type Client,
  Controller,
  type Informer,
  isAlreadyExists,
  isNotFound,
  jsonEqual,
  type KubeObject,
  type Manager,
  Quantity,
  type ReconcileContext,
  type ResourceType,
  type Result,
  type Runnable,
} from '#runtime';
import { type HubLimits, isOfOurKinds } from './hub-limits.ts';
import { ResourceQuotas } from './policy-kinds.ts';
import { CustomResourceDefinitions } from './uninstall.ts';

interface Quota extends KubeObject {
  readonly spec?: { readonly hard?: Readonly<Record<string, string>> };
}
const Quotas = ResourceQuotas as ResourceType<Quota>;

export interface HubQuotasOptions {
  readonly manager: Manager;
  readonly client: Client;
  /** Every namespace of the hub. */
  readonly namespaces: Informer<KubeObject>;
  /** Whether the operator owns the namespaces of this name. */
  readonly isOwn: (namespace: string) => boolean;
  /** None: no quota. */
  readonly limits: HubLimits;
  readonly name: string;
  readonly now: () => number;
}

export const QUOTA_NAME = 'paddock';
/** A foreign quota of the name is looked at again after this. */
const FOREIGN_MS = 60_000;
/**
 * The controller of quotas looks for new kinds every 30 s. Until it knows one, a quota that counts it refuses every object
 * of it ("status unknown for quota").
 */
const KINDS_KNOWN_MS = 120_000;
const CLUSTERS_CRD = { name: 'clusters.paddock.dev' };

/**
 * Keeps a ResourceQuota in each hub namespace that an operator owns, so that whoever may write there can't fill the hub.
 * It is the operator's: what others change of it is put right, a setting raises it.
 */
export class HubQuotas implements Runnable {
  readonly #options: HubQuotasOptions;
  readonly #quotas: Informer<Quota>;
  readonly #controller: Controller;
  #installedAt: number | undefined;

  constructor(options: HubQuotasOptions) {
    this.#options = options;
    const { hub, log } = options.manager;
    this.#quotas = hub.cache.informer(Quotas, { labelSelector: `${LABEL_PLANE}=${PLANE_HUB}` });
    this.#controller = new Controller({
      name: options.name,
      log,
      reconcile: (name, context) => this.#reconcile(name, context),
      backoffMs: [1_000, 60_000],
    });
  }

  start(signal: AbortSignal): void {
    const { namespaces, isOwn } = this.#options;
    const own = (name = '') => (isOwn(name) ? [name] : []);
    this.#controller
      .watches(namespaces, ({ metadata }) => own(metadata?.name))
      .watches(this.#quotas, ({ metadata }) => own(metadata?.namespace), { ownWrites: false });
    Promise.all([namespaces, this.#quotas].map(informer => informer.whenSynced(signal))).then(
      () => this.#controller.start(signal),
      () => undefined,
    );
  }

  async stopped(): Promise<void> {
    await this.#controller.stopped();
  }

  async #reconcile(name: string, { signal }: ReconcileContext): Promise<Result | undefined> {
    const { namespaces, client, limits } = this.#options;
    const namespace = namespaces.get({ name });
    const { labels, annotations, deletionTimestamp } = namespace?.metadata ?? {};
    if (!labels?.[LABEL_OWNER] || labels[LABEL_PLANE] !== PLANE_HUB || deletionTimestamp) return undefined;
    const key = { namespace: name, name: QUOTA_NAME };
    const current = this.#quotas.get(key);
    if (Object.keys(limits).length === 0) {
      if (current) await client.delete(Quotas, key, { uid: current.metadata?.uid, signal });
      return undefined;
    }
    const wait = await this.#kindsUnknownMs(signal);
    const hard = hardOf(limits, { withOurKinds: wait === 0 });
    const metadata = {
      ...key,
      labels: pick(labels, [LABEL_MANAGED_BY, LABEL_OWNER, LABEL_CLUSTER, LABEL_PLANE]),
      annotations: pick(annotations, [ANNOTATION_OWNER_UID, ANNOTATION_HUB]),
    };
    const later = wait > 0 ? { requeueAfterMs: wait } : undefined;
    if (current && isRight(current, metadata, hard)) return later;
    if (!current) {
      const made = await this.#create({ metadata, spec: { hard } }, signal);
      if (made !== 'exists') return later;
      const existing = await client.find(Quotas, key, { signal, metadataOnly: true });
      if (existing && ownership(existing.metadata) === 'foreign') return { requeueAfterMs: FOREIGN_MS };
    }
    const extra = Object.keys(current?.spec?.hard ?? {}).filter(each => !(each in hard));
    const { labels: wantedLabels, annotations: wantedAnnotations } = metadata;
    const patch = {
      metadata: { uid: current?.metadata?.uid, labels: wantedLabels, annotations: wantedAnnotations },
      spec: { hard: { ...hard, ...Object.fromEntries(extra.map(each => [each, null])) } },
    };
    await client.mergePatch(Quotas, key, patch, { signal });
    return later;
  }

  async #create(body: Quota, signal: AbortSignal): Promise<'made' | 'exists' | 'gone'> {
    try {
      await this.#options.client.create(Quotas, { namespace: body.metadata?.namespace ?? '' }, body, { signal });
      return 'made';
    } catch (error) {
      if (isAlreadyExists(error)) return 'exists';
      if (isNotFound(error)) return 'gone';
      throw error;
    }
  }

  /** How long quotas of our kinds must wait yet, ms. */
  async #kindsUnknownMs(signal: AbortSignal): Promise<number> {
    const { limits, client, now } = this.#options;
    if (!Object.keys(limits).some(isOfOurKinds)) return 0;
    if (this.#installedAt === undefined) {
      const found = await client.find(CustomResourceDefinitions, CLUSTERS_CRD, { signal, metadataOnly: true });
      const stamp: unknown = found?.metadata?.creationTimestamp;
      if (typeof stamp !== 'string') return KINDS_KNOWN_MS;
      this.#installedAt = Date.parse(stamp);
    }
    return Math.max(0, this.#installedAt + KINDS_KNOWN_MS - now());
  }
}

function hardOf(limits: HubLimits, { withOurKinds }: { readonly withOurKinds: boolean }): Record<string, string> {
  const entries = Object.entries(limits).filter(([key]) => withOurKinds || !isOfOurKinds(key));
  return Object.fromEntries(entries.map(([key, count]) => [key, String(count)]));
}

function isRight(
  { metadata, spec }: Quota,
  wanted: { readonly labels: Fields; readonly annotations: Fields },
  hard: Fields,
): boolean {
  const has = (actual: Fields | undefined, expected: Fields) =>
    Object.entries(expected).every(([key, value]) => actual?.[key] === value);
  return (
    has(metadata?.labels, wanted.labels) && has(metadata?.annotations, wanted.annotations) && isSame(spec?.hard, hard)
  );
}

type Fields = Readonly<Record<string, string>>;

function isSame(actual: Fields = {}, wanted: Fields): boolean {
  if (!jsonEqual(Object.keys(actual).sort(), Object.keys(wanted).sort())) return false;
  return Object.entries(wanted).every(([key, value]) => sameCount(actual[key] ?? '', value));
}

/** The server writes 1000 as 1k. */
function sameCount(a: string, b: string): boolean {
  return a === b || `${Quantity.parse(a)}` === `${Quantity.parse(b)}`;
}

function pick(fields: Fields = {}, keys: readonly string[]): Record<string, string> {
  return Object.fromEntries(keys.flatMap(key => (fields[key] === undefined ? [] : [[key, fields[key]]])));
}
