import { credentialsOf } from '../support/operators.ts';
import type { BenchFleet } from './bench-fleet.ts';
import { content, hasContent } from './content.ts';
import type { CopyWatch } from './copy-watch.ts';
import { RawClient, type RawRequest } from './raw.ts';
import { median, round } from './round.ts';

/** Seconds of each kind of write, for each number of requests in flight. */
export type RawRound = ReadonlyMap<number, Readonly<Record<Phase, number>>>;

/** The bare client's figures: of three concurrencies the best for each kind of write, in the median of the rounds. */
export interface RawFigures {
  readonly rawCreateSeconds: number;
  readonly rawUpdateSeconds: number;
  readonly rawDeleteSeconds: number;
  readonly rawCreatesPerSecond: number;
  readonly rawUpdatesPerSecond: number;
  readonly rawInFlight: Readonly<Record<Phase, number>>;
}

type Phase = 'create' | 'update' | 'delete';

const IN_FLIGHT = [16, 32, 64] as const;
const EVENTS: Readonly<Record<Phase, string>> = { create: 'ADDED', update: 'MODIFIED', delete: 'DELETED' };
const VERSIONS: Readonly<Record<Phase, string>> = { create: 'first', update: 'second', delete: 'second' };
const PHASES: readonly Phase[] = ['create', 'update', 'delete'];

/** The writes that the operator will do, done bare: from the first request to the last event that a watch saw. */
export async function measureRaw({ fleet, namespaces }: BenchFleet, watch: CopyWatch): Promise<RawRound> {
  const endpoint = await credentialsOf(fleet.edge().controlPlane.adminKubeconfig).resolve();
  const measured = new Map<number, Record<Phase, number>>();
  for (const inFlight of IN_FLIGHT) {
    const client = new RawClient(endpoint, inFlight);
    await client.warmUp();
    const versions = new Map<string, string>();
    const seconds: Record<Phase, number> = { create: 0, update: 0, delete: 0 };
    for (const phase of PHASES)
      seconds[phase] = await measure({ client, watch, namespaces, phase, name: `raw-${inFlight}`, versions });
    measured.set(inFlight, seconds);
    await client.close();
  }
  return measured;
}

/** @param namespaces how many were written to */
export function rawFigures(rounds: readonly RawRound[], namespaces: number): RawFigures {
  const best = (phase: Phase) =>
    IN_FLIGHT.map(inFlight => ({
      inFlight,
      seconds: median(rounds.map(round => round.get(inFlight)?.[phase] ?? 0)),
    })).sort((a, b) => a.seconds - b.seconds)[0] ?? { inFlight: 0, seconds: 0 };
  const [create, update, remove] = [best('create'), best('update'), best('delete')];
  return {
    rawCreateSeconds: round(create.seconds),
    rawUpdateSeconds: round(update.seconds),
    rawDeleteSeconds: round(remove.seconds),
    rawCreatesPerSecond: Math.round(namespaces / create.seconds),
    rawUpdatesPerSecond: Math.round(namespaces / update.seconds),
    rawInFlight: { create: create.inFlight, update: update.inFlight, delete: remove.inFlight },
  };
}

interface Measurement {
  readonly client: RawClient;
  readonly watch: CopyWatch;
  readonly namespaces: readonly string[];
  readonly phase: Phase;
  readonly name: string;
  /** Resource versions by namespace, as the watch saw them: what an update must name. */
  readonly versions: Map<string, string>;
}

async function measure({ client, watch, namespaces, phase, name, versions }: Measurement): Promise<number> {
  const requests = namespaces.map(namespace => request(phase, namespace, name, versions.get(namespace)));
  const last = watch.all(namespaces.length, EVENTS[phase], object => {
    if (object.metadata?.name !== name || !hasContent(object, VERSIONS[phase])) return false;
    versions.set(object.metadata.namespace ?? '', object.metadata.resourceVersion ?? '');
    return true;
  });
  const start = performance.now();
  await client.sendAll(requests);
  return ((await last) - start) / 1000;
}

function request(phase: Phase, namespace: string, name: string, version: string | undefined): RawRequest {
  const collection = `/api/v1/namespaces/${namespace}/secrets`;
  switch (phase) {
    case 'create':
      return {
        method: 'POST',
        path: `${collection}?fieldManager=raw`,
        contentType: 'application/json',
        body: createBody(name),
      };
    case 'update':
      return {
        method: 'PATCH',
        path: `${collection}/${name}?fieldManager=raw`,
        contentType: 'application/json-patch+json',
        body: JSON.stringify([
          { op: 'replace', path: '/metadata/resourceVersion', value: version },
          { op: 'add', path: '/data', value: content('second') },
        ]),
      };
    case 'delete':
      return { method: 'DELETE', path: `${collection}/${name}`, contentType: 'application/json' };
  }
}

/** As large as a copy: the same marks under other names, so that the operator does not take them for its own. */
function createBody(name: string): string {
  const labels = {
    'bench.example/watched': 'true',
    'bench.example/managed-by-it': 'paddock',
    'bench.exa/owner': 'project.payments',
    'bench.exa/cluster': 'edge-1',
  };
  const uid = '00000000-0000-0000-0000-000000000000';
  const annotations = { 'bench.exa/owner-uid': uid, 'bench.exa/hub': uid };
  const metadata = { name, labels, annotations };
  return JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata, type: 'Opaque', data: content('first') });
}
