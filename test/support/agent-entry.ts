// An agent as a process of its own, for tests that kill or freeze it: see agent-process.ts.
import { readFileSync } from 'node:fs';
import { createLogger, errorMessage } from '#runtime';
import { runAgent } from '../../operators/agent/run.ts';
import { AGENT_TIMINGS } from './agents.ts';
import { credentialsOf } from './operators.ts';

/** Written by the same program that reads them, so they are not checked again. */
interface Settings {
  readonly kubeconfigFile: string;
  readonly identity: string;
}

const settings: Settings = JSON.parse(process.argv[2] ?? '{}');
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
try {
  await runAgent(
    {
      downstream: credentialsOf(readFileSync(settings.kubeconfigFile, 'utf8')),
      log: createLogger({ name: 'agent-process', level: 'info' }),
      identity: settings.identity,
      version: 'v0.0.0-test',
      leaderElection: AGENT_TIMINGS,
    },
    stop.signal,
  );
} catch (error) {
  console.log(`the process ends: ${errorMessage(error)}`);
  process.exitCode = 1;
}
// what still holds the event loop open now is a socket that nobody waits for
setTimeout(() => process.exit(), 1_000).unref();
