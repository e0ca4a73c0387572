import { ClusterResource } from '#api';
import {
  type Client,
  ClusterReplacedError,
  type Key,
  type KubeObject,
  keyOf,
  Namespaces,
  type ResourceType,
  SharedQuestion,
} from '#runtime';
import { isUninstalled } from './uninstall.ts';

/**
 * What the deletion of an object of a cluster's means: `clean` that somebody deleted it, so that what it gave goes;
 * `letGo` that the API is being uninstalled and every object of its kind goes with it, which no cluster must feel;
 * `handBack` that its Cluster is being deleted or is gone: the cluster operator decides what stays on the
 * downstream, and nothing that the object says reaches there any more.
 */
export type Verdict = 'clean' | 'letGo' | 'handBack';

export interface VerdictsOptions<T extends KubeObject> {
  readonly client: Client;
  /** uid of the hub's kube-system namespace. */
  readonly hub: () => string;
  readonly kind: ResourceType<T>;
  /** The cluster that an object belongs to; undefined for one that goes with no cluster. */
  readonly clusterOf: (object: T) => string | undefined;
}

/** What the server says of one object, and which server that is. */
export interface Live<T extends KubeObject> {
  /** Of the namespace kube-system. */
  readonly uid: string | undefined;
  /** The kind is going, or gone, and all its objects with it. */
  readonly uninstalled: boolean;
  /** Its metadata, if there is such an object. */
  readonly live: T | undefined;
}

/** Three questions at once, to be asked before absence or deletion is taken for somebody's wish. */
export async function readLive<T extends KubeObject>(
  client: Client,
  kind: ResourceType<T>,
  key: Key,
  signal: AbortSignal,
): Promise<Live<T>> {
  const [system, uninstalled, live] = await Promise.all([
    client.get(Namespaces, { name: 'kube-system' }, { signal, metadataOnly: true }),
    isUninstalled(client, kind, signal),
    client.find(kind, key, { signal, metadataOnly: true }),
  ]);
  return { uid: system.metadata?.uid, uninstalled, live };
}

/** Reads from the server, not from a cache, what is about to be acted on: cleaning up can't be undone. */
export class Verdicts<T extends KubeObject> {
  readonly #options: VerdictsOptions<T>;
  readonly #verdicts = new Map<string, Promise<Verdict | undefined>>();
  /** By Cluster, so that many objects that come at once need not ask of the same one each. */
  readonly #standing = new Map<string, SharedQuestion<boolean>>();

  constructor(options: VerdictsOptions<T>) {
    this.#options = options;
  }

  /** Undefined when the object is not being deleted after all. One question for each object, whoever asks. */
  async verdict(object: T, signal: AbortSignal): Promise<Verdict | undefined> {
    const uid = object.metadata?.uid ?? '';
    let asked = this.#verdicts.get(uid);
    if (!asked) {
      asked = this.#ask(object, signal);
      this.#verdicts.set(uid, asked);
      asked.then(
        verdict => verdict ?? this.#verdicts.delete(uid),
        () => this.#verdicts.delete(uid),
      );
    }
    return await asked;
  }

  /** The object is gone; what was found out about it is too. */
  forget(object: T): void {
    this.#verdicts.delete(object.metadata?.uid ?? '');
  }

  /** Whether the Cluster is there and is not being deleted, by the server. */
  async stands(cluster: string, signal: AbortSignal): Promise<boolean> {
    let question = this.#standing.get(cluster);
    if (!question) {
      question = new SharedQuestion(ends => this.#look(cluster, ends));
      this.#standing.set(cluster, question);
    }
    return await question.ask(signal);
  }

  async #look(name: string, signal: AbortSignal): Promise<boolean> {
    const live = await this.#options.client.find(ClusterResource, { name }, { signal, metadataOnly: true });
    return live !== undefined && live.metadata.deletionTimestamp === undefined;
  }

  async #ask(object: T, signal: AbortSignal): Promise<Verdict | undefined> {
    const { client, hub, kind, clusterOf } = this.#options;
    const { uid, uninstalled, live } = await readLive(client, kind, keyOf(object), signal);
    if (uid !== hub()) throw new ClusterReplacedError('another cluster answers in the hub’s place');
    if (uninstalled) return 'letGo';
    if (!live || live.metadata?.uid !== object.metadata?.uid || !live.metadata?.deletionTimestamp) return undefined;
    // a Cluster that is being deleted was so before its objects were
    if (await isUninstalled(client, ClusterResource, signal)) return 'handBack';
    const cluster = clusterOf(object);
    return cluster === undefined || (await this.stands(cluster, signal)) ? 'clean' : 'handBack';
  }
}
