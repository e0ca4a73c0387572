import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { readIfPresent, writeFileAtomically } from './files.ts';

export interface Ports {
  readonly apiServer: number;
  readonly etcd: number;
}

/**
 * Ports are taken from below the kernels' ephemeral ranges (32768 on Linux, 49152 on macOS) and Kubernetes' node ports
 * (30000): while a server is down, a client that redials a port of the ephemeral range can be given that very port
 * as its own source, connects to itself, and the server can't come back.
 */
const FIRST = 10_000;
const LAST = 29_999;
const ATTEMPTS = 100;

/** Whether a server could listen on this port of 127.0.0.1 now. */
export async function isFree(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const server = createServer();
  server.once('error', () => resolve(false));
  server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  return promise;
}

/** A port that is free now. Another process may take it before it is used: be ready to ask for another. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = randomInt(FIRST, LAST + 1);
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port found between ${FIRST} and ${LAST} of 127.0.0.1: end servers that you no longer need`);
}

const portsFile = (dir: string): string => join(dir, 'ports.json');

function readPorts(dir: string): Ports | undefined {
  const text = readIfPresent(portsFile(dir));
  if (text === undefined) return undefined;
  const value: unknown = JSON.parse(text);
  if (typeof value === 'object' && value !== null && 'apiServer' in value && 'etcd' in value) {
    const { apiServer, etcd } = value;
    if (typeof apiServer === 'number' && typeof etcd === 'number') return { apiServer, etcd };
  }
  throw new Error(`${portsFile(dir)} holds no ports: remove it, and others are chosen`);
}

/** Remembers the ports that a control plane serves on, so that kubeconfigs stay good when it is started again. */
export function persistPorts(dir: string, ports: Ports): void {
  writeFileAtomically(portsFile(dir), `${JSON.stringify(ports)}\n`, { mode: 0o600 });
}

export interface ChosenPorts {
  readonly ports: Ports;
  /** They are those of an earlier start: no others will do. */
  readonly kept: boolean;
}

/**
 * The ports that the control plane in `dir` had before, or free ones. Fails if one that must be used is taken.
 */
export async function choosePorts(dir: string, { port }: { readonly port?: number }): Promise<ChosenPorts> {
  const before = readPorts(dir);
  const apiServer = port ?? before?.apiServer;
  for (const [server, wanted] of Object.entries({ 'the API server': apiServer, etcd: before?.etcd })) {
    if (wanted === undefined || (await isFree(wanted))) continue;
    throw new Error(
      `port ${wanted}, where ${server} in ${dir} has to listen, is taken: end the process that listens there ` +
        `(is this control plane running already?), or remove ${portsFile(dir)} and hand out its kubeconfigs anew`,
    );
  }
  const ports = { apiServer: apiServer ?? (await freePort()), etcd: before?.etcd ?? (await freePort()) };
  return { ports, kept: before !== undefined };
}
