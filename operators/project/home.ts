import { fieldManager, LABEL_CLUSTER, LABEL_PROJECT_HOME, marks, type Project, projectNamespace } from '#api';
import { type Client, isAlreadyExists, jsonEqual, type KubeObject, Namespaces, TerminalError } from '#runtime';
import { IN_USE } from '../engagement/in-use.ts';

/** How the namespace `p-<cluster>--<project>` stands. */
export type HomeState = 'missing' | 'ours' | 'terminating' | 'foreign';

export function homeState(namespace: KubeObject | undefined, cluster: string, project: string): HomeState {
  if (!namespace) return 'missing';
  const { labels, deletionTimestamp } = namespace.metadata ?? {};
  if (labels?.[LABEL_CLUSTER] !== cluster || labels[LABEL_PROJECT_HOME] !== project) return 'foreign';
  return deletionTimestamp ? 'terminating' : 'ours';
}

export interface HomeContext {
  readonly client: Client;
  readonly hub: string;
  readonly signal: AbortSignal;
}

/**
 * Makes the project's namespace in the hub, or adopts one that carries its labels; keeps our marks on it.
 * Returns how it stands now. @throws TerminalError when a namespace of that name belongs to somebody else
 */
export async function ensureHome(
  { client, hub, signal }: HomeContext,
  project: Project,
  cluster: string,
  existing: KubeObject | undefined,
): Promise<HomeState> {
  const { name: projectName = '', uid = '' } = project.metadata;
  const name = projectNamespace(cluster, projectName);
  const state = homeState(existing, cluster, projectName);
  if (state === 'terminating') return state; // made again when it is gone
  if (state === 'foreign')
    throw new TerminalError(
      `namespace ${name} exists without the labels ${LABEL_CLUSTER}: ${cluster} and ${LABEL_PROJECT_HOME}: ${projectName}: ` +
        'label it if it is meant for this project, otherwise rename one of them',
    );
  const mark = marks({ owner: { kind: 'project', name: projectName, uid }, cluster, hub, plane: 'hub' });
  const metadata = {
    name,
    labels: { ...mark.labels, ...IN_USE, [LABEL_PROJECT_HOME]: projectName },
    annotations: mark.annotations,
  };
  if (!existing) {
    try {
      await client.create(Namespaces, {}, { metadata }, { signal });
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      return 'missing'; // somebody made it just now: judged when the watch shows it
    }
    return 'ours';
  }
  if (!carries(existing, metadata)) {
    const intent = { metadata: { ...metadata, uid: existing.metadata?.uid ?? '' } };
    await client.apply(Namespaces, intent, { signal, fieldManager: `${fieldManager('project')}-home` });
  }
  return 'ours';
}

function carries({ metadata }: KubeObject, wanted: NonNullable<KubeObject['metadata']>): boolean {
  const has = (actual: Readonly<Record<string, string>> = {}, expected: Readonly<Record<string, string>> = {}) =>
    Object.entries(expected).every(([key, value]) => jsonEqual(actual[key], value));
  return has(metadata?.labels, wanted.labels) && has(metadata?.annotations, wanted.annotations);
}
