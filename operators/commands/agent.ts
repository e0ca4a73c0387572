import { parseArgs } from 'node:util';
import { kubeConfigCredentials, loadKubeConfig } from '#runtime';
import { runAgent } from '../agent/run.ts';
import { VERSION } from '../version.ts';
import { COMMON_FLAGS, COMMON_USAGE, type Command, loggerAt, parseNamespaces, parseServing } from './command.ts';

export const AGENT_USAGE = `Usage: paddock agent [flags]

Connects the cluster that it runs in to the hub. Needs there what agent.yaml brings, of Secret registration in the
namespace c-<cluster> of the hub; ends with 1 and says what to do when the hub refuses that.

Flags:
  --kubeconfig FILE      the cluster that it runs in; default: KUBECONFIG, ~/.kube/config, the pod's service account
${COMMON_USAGE}
`;

/** `paddock agent`. @throws UsageError, and what parseArgs throws */
export function agentCommand(args: readonly string[]): Command {
  const { values } = parseArgs({ args: [...args], options: COMMON_FLAGS });
  const { kubeconfig, identity } = values;
  const settings = {
    serving: parseServing(values),
    systemNamespaces: parseNamespaces(values['system-namespaces']),
    ...(identity ? { identity } : {}),
  };
  const log = loggerAt(values['log-level'], 'paddock-agent');
  return {
    log,
    start: async stop => {
      const downstream = kubeConfigCredentials(loadKubeConfig(kubeconfig));
      await runAgent({ ...settings, downstream, log, version: VERSION }, stop);
    },
  };
}
