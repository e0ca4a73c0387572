import { parseArgs } from 'node:util';
import { createLogger, kubeConfigCredentials, loadKubeConfig } from '#runtime';
import { isOperatorName, OPERATORS, runOperators } from './run.ts';

const USAGE = `Usage: paddock run <operator>... [flags]

Operators: ${Object.keys(OPERATORS).join(', ')}

Flags:
  --kubeconfig FILE      the hub; default: KUBECONFIG, ~/.kube/config, the pod's service account
  --identity NAME        unique among replicas; default: the host name and a random part
  --namespace NAME       where the leases live; default: paddock-system
  --system-namespaces NAMES  namespaces of project system beside kube-*: names with commas between, each may end in *
  --metrics-port PORT    /healthz, /readyz and /metrics; 0 takes a free port; default: 8080
  --log-level LEVEL      trace, debug, info, warn, error; default: info
`;

class UsageError extends Error {}

function readArguments(args: readonly string[]) {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      kubeconfig: { type: 'string' },
      identity: { type: 'string' },
      namespace: { type: 'string' },
      'system-namespaces': { type: 'string', default: '' },
      'metrics-port': { type: 'string', default: '8080' },
      'log-level': { type: 'string', default: 'info' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const [command, ...names] = positionals;
  if (values.help) return undefined;
  if (command !== 'run') throw new UsageError(`unknown command "${command ?? ''}": the command is run`);
  const unknown = names.find(name => !isOperatorName(name));
  if (unknown !== undefined) throw new UsageError(`unknown operator "${unknown}"`);
  if (names.length === 0) throw new UsageError('name at least one operator');
  const healthPort = Number(values['metrics-port']);
  if (!Number.isInteger(healthPort) || healthPort < 0 || healthPort > 65_535)
    throw new UsageError(`--metrics-port "${values['metrics-port']}" must be a port number, 0 to 65535`);
  const systemNamespaces = values['system-namespaces'].split(',').filter(name => name !== '');
  const malformed = systemNamespaces.find(name => !/^[a-z0-9][-a-z0-9]{0,62}\*?$/.test(name));
  if (malformed !== undefined)
    throw new UsageError(`--system-namespaces "${malformed}" must be the name of a namespace, or its beginning and *`);
  return { ...values, systemNamespaces, operators: names.filter(isOperatorName), healthPort };
}

async function main(): Promise<number> {
  const options = readArguments(process.argv.slice(2));
  if (!options) {
    process.stdout.write(USAGE);
    return 0;
  }
  const { operators, kubeconfig, identity, namespace, healthPort, systemNamespaces } = options;
  const log = createLogger({ name: `paddock-${operators.join('-')}`, level: options['log-level'] });
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const)
    process.once(name, () => {
      log.info({ signal: name }, 'stopping');
      stop.abort();
    });
  try {
    const hubCredentials = kubeConfigCredentials(loadKubeConfig(kubeconfig));
    await runOperators(
      {
        operators,
        hubCredentials,
        healthPort,
        systemNamespaces,
        log,
        ...(identity ? { identity } : {}),
        ...(namespace ? { namespace } : {}),
      },
      stop.signal,
    );
    return 0;
  } catch (error) {
    log.fatal({ err: error }, 'the process ends');
    return 1;
  }
}

try {
  process.exitCode = await main();
  // what still holds the event loop open now is a socket that nobody waits for
  setTimeout(() => process.exit(), 1_000).unref();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
  process.exitCode = 2;
}
