import type { ControlPlane } from '../control-plane/control-plane.ts';
import { field, getJson, items } from './answers.ts';
import type { RemoteCluster } from './remote-cluster.ts';

export interface Expected {
  readonly hub: ControlPlane;
  readonly downstreams: readonly ControlPlane[];
  /** Those of the downstreams that agents connect. */
  readonly remotes: readonly RemoteCluster[];
  /** Clusters that have to be Ready: connected, claimed and guarded by policies. */
  readonly clusters: readonly string[];
  /** Whether somebody prepares the downstreams, too. */
  readonly operatorsRun: boolean;
}

/** What is still missing until everything can be used, one sentence each; empty when nothing is. */
export async function missing({ hub, downstreams, remotes, clusters, operatorsRun }: Expected): Promise<string[]> {
  const everywhere = [hub, ...downstreams];
  const prepared = operatorsRun ? everywhere : [hub];
  const checks = [
    ...everywhere.map(controllerManagerWorks),
    ...prepared.map(systemNamespaceExists),
    ...everywhere.map(policiesAreInForce),
    ...remotes.map(remote => remote.missing()),
    ...clusters.map(name => isReady(hub, name)),
    ...(operatorsRun ? [templatesAreReady(hub)] : []),
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
    policy => field(policy, 'metadata', 'generation') !== field(policy, 'status', 'observedGeneration'),
  );
  if (waiting.length === 0) return undefined;
  const names = waiting.map(policy => field(policy, 'metadata', 'name')).join(', ');
  return `${name} has not taken up its admission policies ${names}`;
}

/** The RoleTemplates that there are have been looked at, and can be bound. */
async function templatesAreReady({ name, api }: ControlPlane): Check {
  const templates = items(await getJson(api, '/apis/paddock.dev/v1alpha1/roletemplates'));
  const waiting = templates.filter(template => conditionOf(template, 'Ready') === undefined);
  if (waiting.length === 0) return undefined;
  const names = waiting.map(template => field(template, 'metadata', 'name')).join(', ');
  return `${name} has RoleTemplates that no operator has looked at: ${names}`;
}

function conditionOf(object: unknown, type: string): unknown {
  const conditions = field(object, 'status', 'conditions');
  return Array.isArray(conditions) ? conditions.find(one => field(one, 'type') === type) : undefined;
}

async function isReady({ api }: ControlPlane, name: string): Check {
  const cluster = await getJson(api, `/apis/paddock.dev/v1alpha1/clusters/${name}`);
  const ready = conditionOf(cluster, 'Ready');
  const status = field(ready, 'status');
  if (status === 'True') return undefined;
  const known = status === undefined ? 'it has no condition Ready' : `Ready is ${status}`;
  const why = [field(ready, 'reason'), field(ready, 'message')].filter(Boolean).join(': ');
  return `cluster ${name} is not ready: ${known}${why && ` (${why})`}`;
}
