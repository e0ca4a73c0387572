import { dump } from 'js-yaml';
import type { KeyPair } from '../../runtime/certificates.ts';

export interface KubeconfigParts {
  /** Name of the cluster and of the context. */
  readonly cluster: string;
  readonly server: string;
  readonly caPem: string;
  readonly user: string;
  readonly credential: KeyPair | { readonly token: string };
}

const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64');

/** A self-contained kubeconfig (YAML) whose one context authenticates with a client certificate or a token. */
export function kubeconfig({ cluster, server, caPem, user, credential }: KubeconfigParts): string {
  // kubectl merges files by these names, and users of one name would be one user
  const userName = `${cluster}-${user}`;
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: cluster, cluster: { server, 'certificate-authority-data': base64(caPem) } }],
    users: [{ name: userName, user: userOf(credential) }],
    contexts: [{ name: cluster, context: { cluster, user: userName } }],
    'current-context': cluster,
  };
  return dump(config, { lineWidth: -1 });
}

function userOf(credential: KubeconfigParts['credential']): object {
  if ('token' in credential) return { token: credential.token };
  return {
    'client-certificate-data': base64(credential.certPem),
    'client-key-data': base64(credential.keyPem),
  };
}
