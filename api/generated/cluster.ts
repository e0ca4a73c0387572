// Generated from crds/ by hack/generate. Do not edit: change the CRD and run it again.
import type { ResourceType } from '#runtime';
import type { ObjectMeta } from 'kubernetes-types/meta/v1.d.ts';
import type { Condition } from './condition.ts';

/**
 * A Cluster stands for one Kubernetes cluster, downstream of the hub that holds this object. Paddock connects
 * to it, watches its health, keeps what Projects and roles derive on it, and hands it back when the Cluster is
 * deleted. Its name is a DNS label of at most 29 characters without "--"; its objects live in namespace
 * c-<name>.
 */
export interface Cluster {
  apiVersion: 'paddock.dev/v1alpha1';
  kind: 'Cluster';
  metadata: ObjectMeta;
  spec: ClusterSpec;
  status?: ClusterStatus;
}
/**
 * What is wanted of the cluster.
 */
export interface ClusterSpec {
  /**
   * Name for people, in any language; at most 256 bytes. Example: Edge Berlin 1.
   */
  displayName?: string;
  connection: ClusterConnection;
  endpoint?: ClusterEndpoint;
  heartbeat?: ClusterHeartbeat;
  /**
   * Whether Paddock creates the Projects default (namespace default) and system (kube-system, kube-public,
   * kube-node-lease, and those that the operators' settings name) for the cluster. Default: true.
   */
  defaultProjects?: boolean;
  /**
   * What happens on the cluster when this Cluster is deleted. Clean removes everything that Paddock derived
   * there; Orphan leaves it. The namespaces c-<name> and p-<name>--* of the hub go either way. Default: Clean.
   */
  deletionPolicy?: 'Clean' | 'Orphan';
  /**
   * How long a deleted Cluster that can't be reached is waited for. After that it is let go, and an Event says
   * what was left on it. A Go duration of at least 10s; 5m by default.
   */
  cleanupTimeout?: string;
}
/**
 * How Paddock reaches the cluster: exactly one of local, kubeconfig or agent. It may change later; what was
 * derived on the cluster stays meanwhile.
 */
export interface ClusterConnection {
  local?: ClusterConnectionLocal;
  kubeconfig?: ClusterConnectionKubeconfig;
  agent?: ClusterConnectionAgent;
}
/**
 * The cluster is the hub itself. At most one Cluster may be local; a second one is Stalled with reason
 * LocalTaken. It has no fields: write {}.
 */
export interface ClusterConnectionLocal {}
/**
 * Paddock connects from the hub, with a kubeconfig kept in a Secret.
 */
export interface ClusterConnectionKubeconfig {
  secretRef: ClusterConnectionKubeconfigSecretRef;
}
/**
 * The Secret, in namespace c-<name of this Cluster>, that holds the kubeconfig. It is watched: a new token, CA
 * or server in it is taken up without a restart.
 */
export interface ClusterConnectionKubeconfigSecretRef {
  /**
   * Name of the Secret. Example: edge-1.
   */
  name: string;
  /**
   * Key of the Secret's data that holds the kubeconfig. Without it the keys kubeconfig and then value (which
   * Cluster API writes) are tried.
   */
  key?: string;
}
/**
 * An agent inside the cluster connects to the hub, for clusters that the hub can't reach. Apply the manifest
 * in Secret registration of namespace c-<name> to the cluster to install it.
 */
export interface ClusterConnectionAgent {
  /**
   * Life of a registration token, after which a manifest that was not applied is useless. A Go duration from 10m
   * to 720h; 24h by default.
   */
  tokenTTL?: string;
}
/**
 * Where people reach the cluster: what the kubeconfigs that Paddock hands out point at. Default: the server
 * and CA of the cluster's kubeconfig; a cluster without one has no endpoint until it is set here.
 */
export interface ClusterEndpoint {
  /**
   * Address of the API server as people see it, an https URL. Example: https://edge-1.example.com:6443.
   */
  url: string;
  /**
   * CA certificates that the server's certificate is checked against: base64, on one line, of one or more PEM
   * CERTIFICATE blocks. Default, unless systemRoots is true: the CA of the cluster's kubeconfig if it names one,
   * else the trusted roots of the person's machine.
   */
  caBundle?: string;
  /**
   * Whether the server's certificate is checked against the trusted roots of the person's machine instead of a
   * CA in the kubeconfig, as behind a load balancer with a public certificate. Excludes caBundle. Default:
   * false.
   */
  systemRoots?: boolean;
}
/**
 * How often the cluster is asked for a sign of life, and when it counts as lost.
 */
export interface ClusterHeartbeat {
  /**
   * Time between two heartbeats. A Go duration from 2s to 10m; 5s by default.
   */
  interval?: string;
  /**
   * Time without a heartbeat after which condition Connected becomes Unknown. A Go duration from 2s to 10m, at
   * least twice the interval; 15s by default.
   */
  timeout?: string;
}
/**
 * What Paddock sees of the cluster. Written by Paddock alone.
 */
export interface ClusterStatus {
  /**
   * The metadata.generation that this status was computed from.
   */
  observedGeneration?: number;
  /**
   * Namespace of the hub that holds the cluster's objects, c-<name>. Example: c-edge-1.
   */
  namespace?: string;
  apiServer?: ClusterStatusApiServer;
  /**
   * Kubernetes version that the API server reports. Example: v1.34.4.
   */
  version?: string;
  /**
   * What kind of Kubernetes it is; kubernetes if none of the others was recognised.
   */
  distribution?: 'k3s' | 'rke2' | 'eks' | 'gke' | 'aks' | 'openshift' | 'kubernetes';
  /**
   * Whether the cluster was seen to enforce Paddock's admission policies: each refused the dry run that it must
   * refuse. While it is not true, nothing is given on the cluster that only the policies hold within bounds: no
   * rights on namespaces by a project, no accounts of people. Absent while it is not known. Example: true.
   */
  policiesEnforced?: boolean;
  /**
   * Time of the last heartbeat, by the hub's clock, when condition Connected last changed. It is not renewed
   * while nothing changes.
   */
  lastHeartbeat?: string;
  agent?: ClusterStatusAgent;
  registration?: ClusterStatusRegistration;
  nodes?: ClusterStatusNodes;
  capacity?: ClusterStatusCapacity;
  allocatable?: ClusterStatusAllocatable;
  requested?: ClusterStatusRequested;
  /**
   * Connected (True, False or Unknown), Ready, NodesReady, Cleaned, and, while they are True, Reconciling,
   * Stalled and Paused.
   */
  conditions?: Condition[];
}
/**
 * The API server that Paddock is connected to.
 */
export interface ClusterStatusApiServer {
  /**
   * Address that Paddock uses. Example: https://10.0.0.1:6443.
   */
  url?: string;
  /**
   * Lower-case hex SHA-256 of the DER SubjectPublicKeyInfo of the first CA certificate, the value that kubeadm
   * join takes as discovery-token-ca-cert-hash.
   */
  caSHA256?: string;
}
/**
 * The agent in the cluster, where the connection is agent.
 */
export interface ClusterStatusAgent {
  /**
   * Version of Paddock that the agent runs. Example: v0.1.0.
   */
  version?: string;
  /**
   * Number of agent replicas that are ready. One of them is active.
   */
  replicas?: number;
}
/**
 * The manifest that joins a cluster by agent, while one is waiting to be applied.
 */
export interface ClusterStatusRegistration {
  secretRef?: ClusterStatusRegistrationSecretRef;
  /**
   * When the manifest's token expires.
   */
  expiresAt?: string;
}
/**
 * The Secret, in the namespace of this status, that holds the manifest.
 */
export interface ClusterStatusRegistrationSecretRef {
  /**
   * Name of the Secret. Its key agent.yaml is ready for kubectl apply -f -.
   */
  name: string;
}
/**
 * The cluster's nodes, counted. A node counts in each of its roles.
 */
export interface ClusterStatusNodes {
  /**
   * Number of nodes.
   */
  total?: number;
  /**
   * Number of nodes whose condition Ready is True.
   */
  ready?: number;
  /**
   * Number of nodes with label node-role.kubernetes.io/control-plane, or the older
   * node-role.kubernetes.io/master.
   */
  controlPlane?: number;
  /**
   * Number of nodes with label node-role.kubernetes.io/etcd.
   */
  etcd?: number;
  /**
   * Number of nodes with label node-role.kubernetes.io/worker, or with no role label at all.
   */
  worker?: number;
  /**
   * Nodes that are not well, at most 50 named, those that are not ready first.
   */
  unhealthy?: ClusterStatusNodesUnhealthy[];
}
/**
 * A node that is not well.
 */
export interface ClusterStatusNodesUnhealthy {
  /**
   * Name of the node.
   */
  name: string;
  /**
   * What is wrong with it: NotReady, DiskPressure, MemoryPressure, PIDPressure, NetworkUnavailable.
   */
  reasons?: string[];
}
/**
 * What all nodes have, summed. Canonical Kubernetes quantities.
 */
export interface ClusterStatusCapacity {
  /**
   * CPU, in cores or millicores. Example: 16 or 15500m.
   */
  cpu?: string;
  /**
   * Memory, in bytes with a suffix. Example: 64Gi.
   */
  memory?: string;
  /**
   * Number of Pods. Example: 220.
   */
  pods?: string;
}
/**
 * What Pods can have of the nodes that are not cordoned, summed. Canonical Kubernetes quantities.
 */
export interface ClusterStatusAllocatable {
  /**
   * CPU, in cores or millicores. Example: 16 or 15500m.
   */
  cpu?: string;
  /**
   * Memory, in bytes with a suffix. Example: 64Gi.
   */
  memory?: string;
  /**
   * Number of Pods. Example: 220.
   */
  pods?: string;
}
/**
 * What Pods on nodes request, summed. Canonical Kubernetes quantities.
 */
export interface ClusterStatusRequested {
  /**
   * CPU, in cores or millicores. Example: 16 or 15500m.
   */
  cpu?: string;
  /**
   * Memory, in bytes with a suffix. Example: 64Gi.
   */
  memory?: string;
  /**
   * Number of Pods. Example: 37.
   */
  pods?: string;
}

/** Where {@link Cluster} objects live in the API. */
export const ClusterResource: ResourceType<Cluster> = {
  group: 'paddock.dev',
  version: 'v1alpha1',
  kind: 'Cluster',
  plural: 'clusters',
  namespaced: false,
};
