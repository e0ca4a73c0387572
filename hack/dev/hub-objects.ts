import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ControlPlane } from '../control-plane/control-plane.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const CRDS = 'crds';
/** Those that exist are applied, in this order. */
const MANIFESTS = ['manifests/rbac', 'manifests/policies', 'manifests/templates'];
const SYSTEM_NAMESPACE = 'paddock-system';

function yamlFiles(folder: string): string[] {
  const isManifest = (file: string): boolean => file.endsWith('.yaml');
  try {
    return readdirSync(join(ROOT, folder))
      .filter(isManifest)
      .sort()
      .map(file => join(ROOT, folder, file));
  } catch {
    return []; // it does not exist yet
  }
}

async function kubectl(hub: ControlPlane, args: readonly string[]): Promise<void> {
  const { code, stderr } = await hub.kubectl(args);
  if (code !== 0) throw new Error(`kubectl ${args.join(' ')} failed in ${hub.name}:\n${stderr.trim()}`);
}

async function apply(hub: ControlPlane, files: readonly string[]): Promise<void> {
  if (files.length === 0) return;
  const from = files.flatMap(file => ['-f', file]);
  await kubectl(hub, ['apply', '--server-side', '--force-conflicts', '--field-manager=paddock-dev', ...from]);
}

/** Applies CRDs, rights and policies as they are in the working tree, also over those of an earlier start. */
export async function installManifests(hub: ControlPlane): Promise<void> {
  const crds = yamlFiles(CRDS);
  await apply(hub, crds);
  if (crds.length > 0) {
    await kubectl(hub, ['wait', '--for=condition=Established', '--timeout=60s', 'customresourcedefinitions', '--all']);
  }
  await createIfAbsent(hub, '/api/v1/namespaces', namespace(SYSTEM_NAMESPACE, {}));
  for (const folder of MANIFESTS) await apply(hub, yamlFiles(folder));
}

function namespace(name: string, labels: Readonly<Record<string, string>>): object {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
}

function cluster(name: string, connection: object): object {
  return { apiVersion: 'paddock.dev/v1alpha1', kind: 'Cluster', metadata: { name }, spec: { connection } };
}

/** Creates an object; one that is there stays as it is, since a user may have edited it. */
async function createIfAbsent(hub: ControlPlane, path: string, body: object): Promise<void> {
  const { status, text } = await hub.api.request({ method: 'POST', path, body });
  if (status !== 201 && status !== 409) throw new Error(`creating an object at ${path} failed with ${status}: ${text}`);
}

/** Whether the hub knows the Cluster kind. */
export async function servesClusters(hub: ControlPlane): Promise<boolean> {
  return hub.api.ok('/apis/paddock.dev/v1alpha1/clusters?limit=1');
}

export interface ClustersToRegister {
  /** Connected by kubeconfig. */
  readonly pushed: readonly ControlPlane[];
  /** Connected by agent. */
  readonly remote: readonly ControlPlane[];
}

/** Creates the Cluster objects, with the credentials beside them, as a user with GitOps would. */
export async function registerClusters(hub: ControlPlane, { pushed, remote }: ClustersToRegister): Promise<void> {
  const clusters = '/apis/paddock.dev/v1alpha1/clusters';
  await createIfAbsent(hub, clusters, cluster('local', { local: {} }));
  for (const { name } of remote) await createIfAbsent(hub, clusters, cluster(name, { agent: {} }));
  for (const { name, adminKubeconfig } of pushed) {
    const home = `c-${name}`;
    await createIfAbsent(hub, '/api/v1/namespaces', namespace(home, { 'paddock.dev/cluster': name }));
    await createIfAbsent(hub, `/api/v1/namespaces/${home}/secrets`, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name },
      stringData: { kubeconfig: adminKubeconfig },
    });
    await createIfAbsent(hub, clusters, cluster(name, { kubeconfig: { secretRef: { name } } }));
  }
}
