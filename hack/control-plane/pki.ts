import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  issue,
  type KeyPair,
  type LeafRequest,
  newAuthority,
  newSigningKey,
  type Subject,
} from '../../runtime/certificates.ts';
import { writeFileAtomically } from './files.ts';

/** The API server's address inside the cluster: the first of its service range. */
export const SERVICE_ADDRESS = '10.96.0.1';

const CLUSTER_CA = 'kubernetes-ca';
// Its own authority: whoever holds any client certificate of the cluster could otherwise read etcd directly.
const ETCD_CA = 'etcd-ca';

const SERVER_NAMES = [
  'localhost',
  '127.0.0.1',
  SERVICE_ADDRESS,
  'kubernetes',
  'kubernetes.default',
  'kubernetes.default.svc',
  'kubernetes.default.svc.cluster.local',
];

/** Paths below one control plane's `pki` folder, and the means to issue more client certificates. */
export interface Pki {
  readonly caPem: string;
  readonly etcdCaPem: string;
  readonly admin: KeyPair;
  readonly controllerManager: KeyPair;
  readonly scheduler: KeyPair;
  readonly etcdClient: KeyPair;
  /** Absolute path of `<name>.crt`, `<name>.key` or `<name>.pub`. */
  path(file: string): string;
  /** A new client certificate: the user is the common name, the groups are the organizations. Nothing is stored. */
  issueClient(subject: Subject): KeyPair;
}

/**
 * Opens the keys and certificates in `dir`, making those that are missing, so that a control plane started again
 * there is trusted by the kubeconfigs handed out before. Everything is valid for ten years.
 */
export function openPki(dir: string): Pki {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const path = (file: string): string => join(dir, file);

  const persisted = (name: string, make: () => KeyPair): KeyPair => {
    if (existsSync(path(`${name}.crt`))) {
      return {
        certPem: readFileSync(path(`${name}.crt`), 'utf8'),
        keyPem: readFileSync(path(`${name}.key`), 'utf8'),
      };
    }
    const pair = make();
    // The certificate last: where it stands its key does too, whenever we are interrupted.
    writeFileAtomically(path(`${name}.key`), pair.keyPem, { mode: 0o600 });
    writeFileAtomically(path(`${name}.crt`), pair.certPem, { mode: 0o644 });
    return pair;
  };

  const ca = persisted('ca', () => newAuthority(CLUSTER_CA));
  const etcdCa = persisted('etcd-ca', () => newAuthority(ETCD_CA));
  const leaf = (name: string, request: LeafRequest): KeyPair => persisted(name, () => issue(ca, CLUSTER_CA, request));
  const etcdLeaf = (name: string, request: LeafRequest): KeyPair =>
    persisted(name, () => issue(etcdCa, ETCD_CA, request));

  leaf('apiserver', { commonName: 'kube-apiserver', usage: 'server', names: SERVER_NAMES });
  etcdLeaf('etcd', { commonName: 'etcd', usage: 'peer', names: ['localhost', '127.0.0.1'] });
  openSigningKey(path);

  return {
    caPem: ca.certPem,
    etcdCaPem: etcdCa.certPem,
    admin: leaf('admin', { commonName: 'admin', organizations: ['system:masters'], usage: 'client' }),
    controllerManager: leaf('controller-manager', { commonName: 'system:kube-controller-manager', usage: 'client' }),
    scheduler: leaf('scheduler', { commonName: 'system:kube-scheduler', usage: 'client' }),
    etcdClient: etcdLeaf('etcd-client', { commonName: 'kube-apiserver', usage: 'client' }),
    path,
    issueClient: subject => issue(ca, CLUSTER_CA, { ...subject, usage: 'client' }),
  };
}

/** The key that signs service account tokens. */
function openSigningKey(path: (file: string) => string): void {
  if (existsSync(path('service-account.pub'))) return;
  const { privatePem, publicPem } = newSigningKey();
  writeFileAtomically(path('service-account.key'), privatePem, { mode: 0o600 });
  writeFileAtomically(path('service-account.pub'), publicPem, { mode: 0o644 });
}
