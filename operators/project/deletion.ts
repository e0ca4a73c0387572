import { type Project, ProjectResource } from '#api';
import {
  type Client,
  ClusterReplacedError,
  type KubeObject,
  Namespaces,
  type ResourceType,
  resourceName,
} from '#runtime';

const CustomResourceDefinitions: ResourceType<KubeObject> = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  namespaced: false,
};

/**
 * What a Project's deletion means: `clean` that somebody deleted it, so that what it gave goes; `letGo`
 * that the API is being uninstalled and every Project goes with it, which nobody's namespaces must feel.
 */
export type Verdict = 'clean' | 'letGo';

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

  async #ask(project: Project, signal: AbortSignal): Promise<Verdict | undefined> {
    const { namespace = '', name = '', uid } = project.metadata;
    const options = { signal, metadataOnly: true };
    const [system, crd, live] = await Promise.all([
      this.#client.get(Namespaces, { name: 'kube-system' }, options),
      this.#client.find(CustomResourceDefinitions, { name: resourceName(ProjectResource) }, options),
      this.#client.find(ProjectResource, { namespace, name }, { signal }),
    ]);
    if (system.metadata?.uid !== this.#hub())
      throw new ClusterReplacedError('another cluster answers in the hub’s place');
    if (!crd || crd.metadata?.deletionTimestamp) return 'letGo';
    return live && live.metadata.uid === uid && live.metadata.deletionTimestamp ? 'clean' : undefined;
  }
}
