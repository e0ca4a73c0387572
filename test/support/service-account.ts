import * as yaml from 'js-yaml';
import type { KubeObject, ResourceType } from '#runtime';
import type { Site } from './fleet.ts';

const ServiceAccounts: ResourceType = {
  group: '',
  version: 'v1',
  kind: 'ServiceAccount',
  plural: 'serviceaccounts',
  namespaced: true,
};

interface ClusterRoleBinding extends KubeObject {
  roleRef: { apiGroup: string; kind: string; name: string };
  subjects: { kind: string; namespace: string; name: string }[];
}

const ClusterRoleBindings: ResourceType<ClusterRoleBinding> = {
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  kind: 'ClusterRoleBinding',
  plural: 'clusterrolebindings',
  namespaced: false,
};

const NAMESPACE = 'default';

/** A service account that may do everything, with a token; what a hub admin puts into a kubeconfig Secret. */
export class AdminServiceAccount {
  readonly name: string;
  readonly token: string;
  readonly #site: Site;

  static async create(site: Site, name: string): Promise<AdminServiceAccount> {
    const { client } = site;
    await client.create(ServiceAccounts, { namespace: NAMESPACE }, { metadata: { name } });
    await client.create(
      ClusterRoleBindings,
      {},
      {
        metadata: { name },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
        subjects: [{ kind: 'ServiceAccount', namespace: NAMESPACE, name }],
      },
    );
    const { status, body } = await client.transport.request({
      method: 'POST',
      path: `/api/v1/namespaces/${NAMESPACE}/serviceaccounts/${name}/token`,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} }),
    });
    if (status !== 201) throw new Error(`no token for ${name}: HTTP ${status} ${body}`);
    const answer: { status: { token: string } } = JSON.parse(body);
    return new AdminServiceAccount(site, name, answer.status.token);
  }

  private constructor(site: Site, name: string, token: string) {
    this.#site = site;
    this.name = name;
    this.token = token;
  }

  /** As the audit log names it. */
  get username(): string {
    return `system:serviceaccount:${NAMESPACE}:${this.name}`;
  }

  /** A kubeconfig with its token, by this address and CA [the site's own]. */
  kubeconfig({ server, caPem }: { server?: string; caPem?: string } = {}): string {
    const { controlPlane } = this.#site;
    const ca = Buffer.from(caPem ?? controlPlane.caPem).toString('base64');
    const cluster = { server: server ?? controlPlane.url, 'certificate-authority-data': ca };
    return yaml.dump({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'c', cluster }],
      users: [{ name: 'u', user: { token: this.token } }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    });
  }

  /** Deletes the service account: its tokens are refused within seconds. */
  async revoke(): Promise<void> {
    await this.#site.client.delete(ServiceAccounts, { namespace: NAMESPACE, name: this.name });
  }
}
