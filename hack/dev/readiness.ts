import type { ControlPlane } from '../control-plane/control-plane.ts';

export interface Expected {
  readonly hub: ControlPlane;
  readonly downstreams: readonly ControlPlane[];
  /** Clusters that have to be connected. */
  readonly clusters: readonly string[];
  /** Whether somebody prepares the downstreams, too. */
  readonly operatorsRun: boolean;
}

/** What is still missing until everything can be used, one sentence each; empty when nothing is. */
export async function missing({ hub, downstreams, clusters, operatorsRun }: Expected): Promise<string[]> {
  const everywhere = [hub, ...downstreams];
  const prepared = operatorsRun ? everywhere : [hub];
  const checks = [
    ...everywhere.map(controllerManagerWorks),
    ...prepared.map(systemNamespaceExists),
    ...everywhere.map(policiesAreInForce),
    ...clusters.map(name => isConnected(hub, name)),
  ];
  const answers = await Promise.all(checks.map(check => check.catch((cause: unknown) => String(cause))));
  return answers.filter(answer => answer !== undefined);
}

type Check = Promise<string | undefined>;

async function controllerManagerWorks({ name, api }: ControlPlane): Check {
  if (await api.ok('/api/v1/namespaces/default/serviceaccounts/default')) return undefined;
  return `${name} has no default service account: its controller manager does not work yet`;
}

async function systemNamespaceExists({ name, api }: ControlPlane): Check {
  return (await api.ok('/api/v1/namespaces/paddock-system')) ? undefined : `${name} has no namespace paddock-system`;
}

/** A policy counts once the cluster has type-checked its present generation. */
async function policiesAreInForce({ name, api }: ControlPlane): Check {
  const path = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies';
  const policies = items(await getJson(api, path));
  const waiting = policies.filter(
    policy => field(field(policy, 'metadata'), 'generation') !== field(field(policy, 'status'), 'observedGeneration'),
  );
  if (waiting.length === 0) return undefined;
  const names = waiting.map(policy => field(field(policy, 'metadata'), 'name')).join(', ');
  return `${name} has not taken up its admission policies ${names}`;
}

async function isConnected({ api }: ControlPlane, name: string): Check {
  const cluster = await getJson(api, `/apis/paddock.dev/v1alpha1/clusters/${name}`);
  const conditions = field(field(cluster, 'status'), 'conditions');
  const connected = Array.isArray(conditions) ? conditions.find(one => field(one, 'type') === 'Connected') : undefined;
  const status = field(connected, 'status');
  if (status === 'True') return undefined;
  const known = status === undefined ? 'it has no condition Connected' : `Connected is ${status}`;
  const why = [field(connected, 'reason'), field(connected, 'message')].filter(Boolean).join(': ');
  return `cluster ${name} is not connected: ${known}${why && ` (${why})`}`;
}

async function getJson(api: ControlPlane['api'], path: string): Promise<unknown> {
  const { status, text } = await api.request({ path, timeoutMs: 2_000 });
  if (status !== 200) throw new Error(`GET ${path} answers ${status}`);
  return JSON.parse(text);
}

function field(object: unknown, name: string): unknown {
  if (typeof object !== 'object' || object === null) return undefined;
  return Object.entries(object).find(([key]) => key === name)?.[1];
}

function items(list: unknown): readonly unknown[] {
  const value = field(list, 'items');
  return Array.isArray(value) ? value : [];
}
