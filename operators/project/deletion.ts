import { ClusterResource, finalizer, type Project, ProjectResource, parseClusterNamespace } from '#api';
import { type Client, ClusterReplacedError, Namespaces } from '#runtime';
import { isUninstalled } from '../engagement/uninstall.ts';

export const FINALIZER = finalizer('project');

/**
 * What a Project's deletion means: `clean` that somebody deleted it, so that what it gave goes; `letGo`
 * that the API is being uninstalled and every Project goes with it, which nobody's namespaces must feel;
 * `handBack` that its Cluster is being deleted or is gone: the cluster operator decides what stays on the
 * downstream, and no policy of a Project reaches its namespaces any more.
 */
export type Verdict = 'clean' | 'letGo' | 'handBack';

/** Reads from the server, not from a cache, what is about to be acted on: cleaning up can't be undone. */
export class Deletions {
  readonly #client: Client;
  readonly #hub: () => string;
  readonly #verdicts = new Map<string, Promise<Verdict | undefined>>();

  constructor(client: Client, hub: () => string) {
    this.#client = client;
    this.#hub = hub;
  }

  /** Undefined when the Project is not being deleted after all. One question for each Project, whoever asks. */
  async verdict(project: Project, signal: AbortSignal): Promise<Verdict | undefined> {
    const uid = project.metadata.uid ?? '';
    let asked = this.#verdicts.get(uid);
    if (!asked) {
      asked = this.#ask(project, signal);
      this.#verdicts.set(uid, asked);
      asked.then(
        verdict => verdict ?? this.#verdicts.delete(uid),
        () => this.#verdicts.delete(uid),
      );
    }
    return await asked;
  }

  /** The Project is gone; what was found out about it is too. */
  forget(project: Project): void {
    this.#verdicts.delete(project.metadata.uid ?? '');
  }

  /** Whether the Cluster is there and is not being deleted, by the server. */
  async stands(cluster: string, signal: AbortSignal): Promise<boolean> {
    const live = await this.#client.find(ClusterResource, { name: cluster }, { signal, metadataOnly: true });
    return live !== undefined && live.metadata.deletionTimestamp === undefined;
  }

  async #ask(project: Project, signal: AbortSignal): Promise<Verdict | undefined> {
    const { namespace = '', name = '', uid } = project.metadata;
    const [system, uninstalled, live] = await Promise.all([
      this.#client.get(Namespaces, { name: 'kube-system' }, { signal, metadataOnly: true }),
      isUninstalled(this.#client, ProjectResource, signal),
      this.#client.find(ProjectResource, { namespace, name }, { signal, metadataOnly: true }),
    ]);
    if (system.metadata?.uid !== this.#hub())
      throw new ClusterReplacedError('another cluster answers in the hub’s place');
    if (uninstalled) return 'letGo';
    if (!live || live.metadata.uid !== uid || !live.metadata.deletionTimestamp) return undefined;
    // a Cluster that is being deleted was so before its Projects were
    if (await isUninstalled(this.#client, ClusterResource, signal)) return 'handBack';
    return (await this.stands(parseClusterNamespace(namespace) ?? '', signal)) ? 'clean' : 'handBack';
  }
}
