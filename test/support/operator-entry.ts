// Operators as a process of their own, for tests that kill, freeze or count it: see operator-process.ts.
import { readFileSync, writeSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { KubeConfig } from '@kubernetes/client-node';
import { createLogger, errorMessage, kubeConfigCredentials } from '#runtime';
import { runAgent } from '../../operators/agent/run.ts';
import { isOperatorName, runOperators } from '../../operators/run.ts';
import { MEASURE_LINE, WRITE_LINE } from './write-line.ts';

/** Written by the same program that reads them, so they are not checked again. */
interface Settings {
  readonly operators: readonly string[];
  readonly kubeconfigFile: string;
  readonly identity: string | undefined;
  readonly killAtWrite: number | undefined;
  readonly maxInFlight: number | undefined;
  readonly measure: boolean | undefined;
}

const settings: Settings = JSON.parse(process.argv[2] ?? '{}');
const config = new KubeConfig();
config.loadFromString(readFileSync(settings.kubeconfigFile, 'utf8'));
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());

let writes = 0;

/** Counts the write and, if it is the last one wanted, ends this process before anything learns of the answer. */
function afterWrite({ method, path }: { method: string; path: string }, { status }: { status: number }): void {
  const [resource = ''] = path.split('?');
  if (/\/(leases|events)(\/|$)/.test(resource)) return;
  writes += 1;
  writeSync(1, `${WRITE_LINE}${method} ${resource} ${status}\n`);
  if (writes === settings.killAtWrite) process.kill(process.pid, 'SIGKILL');
}

/** Tells every second how much memory is resident and how late the event loop was meanwhile. */
function measure(): void {
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  setInterval(() => {
    // the histogram holds the interval of its timer as well
    const lateMs = Math.max(0, delay.percentile(99) / 1e6 - 10);
    const measured = { residentMiB: process.memoryUsage.rss() / 1024 / 1024, lateMs };
    writeSync(1, `${MEASURE_LINE}${JSON.stringify(measured)}\n`);
    delay.reset();
  }, 1_000).unref();
}
if (settings.measure) measure();

const credentials = kubeConfigCredentials(config);
const log = createLogger({ name: 'operator-process', level: 'info' });
const transport = {
  afterWrite,
  ...(settings.maxInFlight === undefined ? {} : { maxInFlight: settings.maxInFlight }),
};

try {
  if (settings.operators.includes('agent'))
    await runAgent(
      {
        downstream: credentials,
        log,
        version: 'v0.0.0-test',
        transport,
        ...(settings.identity === undefined ? {} : { identity: settings.identity }),
      },
      stop.signal,
    );
  else
    await runOperators(
      {
        operators: settings.operators.filter(isOperatorName),
        hubCredentials: credentials,
        log,
        ...(settings.identity === undefined ? { leaderElection: false } : { identity: settings.identity }),
        transport,
      },
      stop.signal,
    );
} catch (error) {
  console.log(`the process ends: ${errorMessage(error)}`);
  process.exitCode = 1;
}
// what still holds the event loop open now is a socket that nobody waits for
setTimeout(() => process.exit(), 1_000).unref();
