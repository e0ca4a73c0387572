import { parseArgs } from 'node:util';
import { kubeConfigCredentials, loadKubeConfig } from '#runtime';
import { CLUSTER_LIMITED, CLUSTER_LIMITS, PROJECT_LIMITED, PROJECT_LIMITS } from '../engagement/hub-limits.ts';
import { isOperatorName, OPERATORS, type RunOptions, runOperators } from '../run.ts';
import {
  COMMON_FLAGS,
  COMMON_USAGE,
  type Command,
  loggerAt,
  parseNamespaces,
  parseServing,
  UsageError,
} from './command.ts';
import { readHubAddress } from './hub-address.ts';
import { describeLimits, parseLimits } from './limits.ts';

export const RUN_USAGE = `Usage: paddock run <operator>... [flags]

Runs operators against the hub: ${Object.keys(OPERATORS).join(', ')}

Flags:
  --kubeconfig FILE      the hub; default: KUBECONFIG, ~/.kube/config, the pod's service account
${COMMON_USAGE}
  --namespace NAME       where the leases live; default: paddock-system

Flags of operator cluster, for clusters that are connected by agent:
  --hub-url URL          how agents reach the hub, https; default: as this process does, unless only pods of the hub can
  --hub-ca FILE          what agents trust there: certificates in PEM; goes with --hub-url
  --agent-image IMAGE    the image in the manifests that join clusters

  --cluster-limits LIST  operator cluster: how many objects each c-<cluster> holds, NAME=COUNT,... or none, of
                         ${CLUSTER_LIMITED.join(', ')}; default: ${describeLimits(CLUSTER_LIMITS)}
  --project-limits LIST  operator project: the same of each p-<cluster>--<project>, of
                         ${PROJECT_LIMITED.join(', ')};
                         default: ${describeLimits(PROJECT_LIMITS)}
`;

/** What {@link runOperators} is told by the command line, but for the connection and the log. */
export type RunSettings = Omit<RunOptions, 'hubCredentials' | 'log'>;

interface RunArguments {
  readonly settings: RunSettings;
  readonly kubeconfig: string | undefined;
  readonly level: string;
}

/** `paddock run`. @throws UsageError */
export function runCommand(args: readonly string[]): Command {
  const { settings, kubeconfig, level } = readRunArguments(args);
  const log = loggerAt(level, `paddock-${settings.operators.join('-')}`);
  return {
    log,
    start: async stop => {
      const hubCredentials = kubeConfigCredentials(loadKubeConfig(kubeconfig));
      await runOperators({ ...settings, hubCredentials, log }, stop);
    },
  };
}

/** Reads what follows `run`. @throws UsageError, and what parseArgs throws */
export function readRunArguments(args: readonly string[]): RunArguments {
  const { values, positionals: names } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      ...COMMON_FLAGS,
      namespace: { type: 'string' },
      'hub-url': { type: 'string' },
      'hub-ca': { type: 'string' },
      'agent-image': { type: 'string' },
      'cluster-limits': { type: 'string' },
      'project-limits': { type: 'string' },
    },
  });
  const unknown = names.find(name => !isOperatorName(name));
  if (unknown !== undefined) throw new UsageError(`unknown operator "${unknown}"`);
  if (names.length === 0) throw new UsageError('name at least one operator');
  const { identity, namespace, kubeconfig, 'agent-image': agentImage } = values;
  const clusterLimits = parseLimits('--cluster-limits', values['cluster-limits'], CLUSTER_LIMITED);
  const projectLimits = parseLimits('--project-limits', values['project-limits'], PROJECT_LIMITED);
  const hubAddress = readHubAddress(values['hub-url'], values['hub-ca']);
  const settings = {
    operators: names.filter(isOperatorName),
    serving: parseServing(values),
    systemNamespaces: parseNamespaces(values['system-namespaces']),
    ...(identity ? { identity } : {}),
    ...(namespace ? { namespace } : {}),
    ...(hubAddress ? { hubAddress } : {}),
    ...(agentImage ? { agentImage } : {}),
    ...(clusterLimits ? { clusterLimits } : {}),
    ...(projectLimits ? { projectLimits } : {}),
  };
  return { settings, kubeconfig, level: values['log-level'] };
}
