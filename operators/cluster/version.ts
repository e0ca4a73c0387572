import type { ClusterStatus } from '#api';

export type Distribution = NonNullable<ClusterStatus['distribution']>;

/** The oldest Kubernetes with ValidatingAdmissionPolicy, which guards what people may do downstream. */
export const OLDEST_SUPPORTED = { major: 1, minor: 30 };

/** Whether a gitVersion such as `v1.34.4+k3s1` is new enough. One that can't be read is not. */
export function isSupported(gitVersion: string): boolean {
  const [, major = 0, minor = 0] = (/^v?(\d+)\.(\d+)/.exec(gitVersion) ?? []).map(Number);
  return major > OLDEST_SUPPORTED.major || (major === OLDEST_SUPPORTED.major && minor >= OLDEST_SUPPORTED.minor);
}

const BY_VERSION: readonly (readonly [RegExp, Distribution])[] = [
  [/\+k3s/, 'k3s'],
  [/\+rke2/, 'rke2'],
  [/-eks-/, 'eks'],
  [/-gke\./, 'gke'],
];

/** The distribution that the version names; undefined when it names none. */
export function distributionOfVersion(gitVersion: string): Distribution | undefined {
  return BY_VERSION.find(([pattern]) => pattern.test(gitVersion))?.[1];
}

/** The distribution of a server whose version names none: AKS is known by its address, OpenShift by an API group. */
export function distributionOfServer(server: string, apiGroups: readonly string[]): Distribution {
  if (apiGroups.includes('config.openshift.io')) return 'openshift';
  if (URL.canParse(server) && new URL(server).hostname.endsWith('.azmk8s.io')) return 'aks';
  return 'kubernetes';
}
