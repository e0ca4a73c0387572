import { clusterNamespace, LABEL_PROJECT } from '#api';
import { type Cluster, type Logger, Namespaces, Recorder } from '#runtime';
import type { MemberNamespace } from '../engagement/membership.ts';

/** For so long a namespace may be there before its project, ms: who applies both at once is not told. */
const PATIENCE_MS = 5_000;

/** Tells on namespaces of one cluster, by an event there, that the project they name does not exist. */
export class UnknownProjects {
  readonly #cluster: string;
  readonly #recorder: Recorder;
  /** By namespace: the project it named when it was first seen to be unknown, and whether that was told. */
  readonly #seen = new Map<string, { readonly project: string; readonly since: number; told: boolean }>();

  constructor(cluster: Cluster, fieldManager: string, log: Logger) {
    this.#cluster = cluster.name;
    const client = cluster.client.as(fieldManager);
    this.#recorder = new Recorder({ client, log, controller: 'paddock.dev/project', instance: fieldManager });
  }

  /** The namespace names a project that is not there. Returns after how many milliseconds to say so again. */
  found(namespace: MemberNamespace, project: string): number | undefined {
    const { name = '' } = namespace.metadata ?? {};
    const known = this.#seen.get(name);
    const seen = known?.project === project ? known : { project, since: performance.now(), told: false };
    this.#seen.set(name, seen);
    if (seen.told) return undefined;
    const left = seen.since + PATIENCE_MS - performance.now();
    if (left > 0) return left;
    seen.told = true;
    this.#recorder.record(Namespaces, namespace, {
      type: 'Warning',
      reason: 'ProjectNotFound',
      action: 'Join',
      note: `label ${LABEL_PROJECT} "${project}" must name a Project: create Project "${project}" in namespace ${clusterNamespace(this.#cluster)} of the hub, or change the label; until then the namespace is in no project`,
    });
    return undefined;
  }

  /** It names no project, or one that is there. */
  forget(namespace: string): void {
    this.#seen.delete(namespace);
  }
}
