import {
  ANNOTATION_DEFAULT_PROJECTS,
  API_VERSION,
  type Cluster,
  clusterNamespace,
  DEFAULT_PROJECT,
  type Project,
  ProjectResource,
  SYSTEM_PROJECT,
} from '#api';
import { type Client, isAlreadyExists, type KubeObject, Namespaces } from '#runtime';

/** Whether a Cluster is still to be given its default projects: once in its life, see docs/decisions/0011. */
export function lacksDefaultProjects({ spec, metadata }: Cluster, namespace: KubeObject | undefined): boolean {
  if (!namespace || spec.defaultProjects === false) return false;
  return namespace.metadata?.annotations?.[ANNOTATION_DEFAULT_PROJECTS] !== metadata.uid;
}

/** Creates the Projects `default` and `system`, those of these names stay as they are, and notes that it was done. */
export async function createDefaultProjects(client: Client, cluster: Cluster, signal: AbortSignal): Promise<void> {
  const namespace = clusterNamespace(cluster.metadata.name ?? '');
  for (const body of defaultProjects(namespace)) {
    try {
      await client.create(ProjectResource, { namespace }, body, { signal });
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
  }
  const annotations = { [ANNOTATION_DEFAULT_PROJECTS]: cluster.metadata.uid };
  await client.mergePatch(Namespaces, { name: namespace }, { metadata: { annotations } }, { signal });
}

function defaultProjects(namespace: string): Project[] {
  const project = (name: string, displayName: string, description: string): Project => ({
    apiVersion: API_VERSION,
    kind: 'Project',
    metadata: { name, namespace },
    spec: { displayName, description },
  });
  return [
    project(DEFAULT_PROJECT, 'Default', 'Namespace default, until it is moved to another project.'),
    project(SYSTEM_PROJECT, 'System', 'The namespaces of Kubernetes itself.'),
  ];
}
