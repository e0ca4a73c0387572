import { join } from 'node:path';
import type { Binaries } from './binaries.ts';
import { type Pki, SERVICE_ADDRESS } from './pki.ts';
import type { Ports } from './ports.ts';
import type { ProcessSpec } from './processes.ts';

/** Everything that the command lines of one control plane are made from. */
export interface Layout {
  readonly name: string;
  readonly dir: string;
  readonly binaries: Binaries;
  readonly pki: Pki;
  readonly ports: Ports;
  /** Appended to the API server's own, so that of a flag given twice the last counts. */
  readonly apiServerFlags: readonly string[];
}

/** File names in a control plane's folder. */
export const AUTHENTICATION_FILE = 'authentication.yaml';
export const CONTROLLER_MANAGER_KUBECONFIG = 'controller-manager.kubeconfig';
export const SCHEDULER_KUBECONFIG = 'scheduler.kubeconfig';

/** Anonymous requests are answered for health alone, as on a hardened cluster. */
export const AUTHENTICATION_CONFIGURATION = `apiVersion: apiserver.config.k8s.io/v1beta1
kind: AuthenticationConfiguration
anonymous:
  enabled: true
  conditions:
  - path: /livez
  - path: /readyz
  - path: /healthz
`;

function flags(values: Readonly<Record<string, string | number | boolean>>): string[] {
  return Object.entries(values).map(([flag, value]) => `--${flag}=${value}`);
}

function spec(layout: Layout, binary: keyof Binaries, args: readonly string[]): ProcessSpec {
  return {
    name: `${binary} of ${layout.name}`,
    command: layout.binaries[binary],
    args,
    logFile: join(layout.dir, `${binary}.log`),
  };
}

export function etcd(layout: Layout): ProcessSpec {
  const { dir, pki, ports } = layout;
  const client = `https://127.0.0.1:${ports.etcd}`;
  // A single member talks to no peer, so any port will do, and a constant text survives restarts.
  const peer = 'https://127.0.0.1:0';
  return spec(
    layout,
    'etcd',
    flags({
      name: 'default',
      'data-dir': join(dir, 'etcd'),
      'unsafe-no-fsync': true,
      'listen-client-urls': client,
      'advertise-client-urls': client,
      'listen-peer-urls': peer,
      'initial-advertise-peer-urls': peer,
      'initial-cluster': `default=${peer}`,
      'cert-file': pki.path('etcd.crt'),
      'key-file': pki.path('etcd.key'),
      'trusted-ca-file': pki.path('etcd-ca.crt'),
      'client-cert-auth': true,
      'peer-cert-file': pki.path('etcd.crt'),
      'peer-key-file': pki.path('etcd.key'),
      'peer-trusted-ca-file': pki.path('etcd-ca.crt'),
      'peer-client-cert-auth': true,
      // A member on its own has no election to lose: it need not wait a second for one.
      'heartbeat-interval': 20,
      'election-timeout': 200,
      'enable-grpc-gateway': false,
      'log-level': 'warn',
    }),
  );
}

export function apiServer(layout: Layout): ProcessSpec {
  const { dir, pki, ports } = layout;
  const own = flags({
    'bind-address': '127.0.0.1',
    'advertise-address': '127.0.0.1',
    'secure-port': ports.apiServer,
    'tls-cert-file': pki.path('apiserver.crt'),
    'tls-private-key-file': pki.path('apiserver.key'),
    'client-ca-file': pki.path('ca.crt'),
    'authentication-config': join(dir, AUTHENTICATION_FILE),
    'authorization-mode': 'Node,RBAC',
    'enable-admission-plugins': 'NodeRestriction',
    'etcd-servers': `https://127.0.0.1:${ports.etcd}`,
    'etcd-cafile': pki.path('etcd-ca.crt'),
    'etcd-certfile': pki.path('etcd-client.crt'),
    'etcd-keyfile': pki.path('etcd-client.key'),
    'service-cluster-ip-range': `${SERVICE_ADDRESS.replace(/\.1$/, '.0')}/16`,
    'service-account-issuer': 'https://kubernetes.default.svc.cluster.local',
    'service-account-key-file': pki.path('service-account.pub'),
    'service-account-signing-key-file': pki.path('service-account.key'),
    'allow-privileged': true,
    // Endpoints refuse a loopback address, and nothing here reaches the API through the service address.
    'endpoint-reconciler-type': 'none',
    profiling: false,
  });
  return spec(layout, 'kube-apiserver', [...own, ...layout.apiServerFlags]);
}

/**
 * Every controller has its own service account, as on a real cluster, so that admission and RBAC rules meet them as
 * users will. The client limits are high because tests delete a thousand namespaces at a time.
 */
export function controllerManager(layout: Layout): ProcessSpec {
  const { dir, pki } = layout;
  return spec(
    layout,
    'kube-controller-manager',
    flags({
      kubeconfig: join(dir, CONTROLLER_MANAGER_KUBECONFIG),
      'root-ca-file': pki.path('ca.crt'),
      'service-account-private-key-file': pki.path('service-account.key'),
      'cluster-signing-cert-file': pki.path('ca.crt'),
      'cluster-signing-key-file': pki.path('ca.key'),
      'use-service-account-credentials': true,
      'leader-elect': false,
      'kube-api-qps': 300,
      'kube-api-burst': 600,
      'concurrent-namespace-syncs': 20,
      'secure-port': 0,
      profiling: false,
    }),
  );
}

export function scheduler(layout: Layout): ProcessSpec {
  return spec(
    layout,
    'kube-scheduler',
    flags({
      kubeconfig: join(layout.dir, SCHEDULER_KUBECONFIG),
      'leader-elect': false,
      'secure-port': 0,
      profiling: false,
    }),
  );
}
