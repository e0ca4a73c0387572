import { type Client, type KubeObject, type ResourceType, resourceName } from '#runtime';

export const CustomResourceDefinitions: ResourceType<KubeObject> = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  namespaced: false,
};

/**
 * Whether a kind is being uninstalled, or was: then all its objects are deleted with it, which is nobody's wish for
 * any one of them. Read from the server.
 */
export async function isUninstalled(client: Client, kind: ResourceType, signal: AbortSignal): Promise<boolean> {
  const key = { name: resourceName(kind) };
  const definition = await client.find(CustomResourceDefinitions, key, { signal, metadataOnly: true });
  return !definition || definition.metadata?.deletionTimestamp !== undefined;
}
