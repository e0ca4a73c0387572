import { LABEL_SHARED } from '#api';
import type { Client } from '#runtime';
import { type SecretObject, SecretType } from '../support/fleet.ts';
import { credentialsOf } from '../support/operators.ts';
import { type BenchFleet, HOME, projectIs, startBenchFleet } from './bench-fleet.ts';
import { content, hasContent } from './content.ts';
import { CopyWatch } from './copy-watch.ts';
import { RawClient, type RawRequest } from './raw.ts';
import { measureRaw, type RawRound, rawFigures } from './raw-rounds.ts';
import { median, round } from './round.ts';
import { serverWrites } from './server-writes.ts';

export interface FanoutOptions {
  readonly namespaces: number;
  /** Secrets in the downstream that have nothing to do with Paddock. */
  readonly unrelated: number;
  /** How often bare client and operator take turns. */
  readonly rounds: number;
  readonly log: (line: string) => void;
}

const REST_MS = 60_000;
const NAME = 'shared';

/**
 * One shared Secret to many namespaces, beside a bare client that does the same writes in the same run. They take
 * turns, and medians of the rounds are compared: a machine that others use as well is twice as fast at one moment as
 * at the next.
 */
export async function fanout({
  namespaces: count,
  unrelated,
  rounds,
  log,
}: FanoutOptions): Promise<Record<string, unknown>> {
  const bench = await startBenchFleet(count, log);
  const watch = new CopyWatch();
  try {
    const edge = bench.fleet.edge();
    if (unrelated > 0) await createUnrelated(bench, unrelated, log);
    await watch.start(edge.client);
    const [raws, operators]: [RawRound[], OperatorRound[]] = [[], []];
    let rest: Rest | undefined;
    for (let index = 1; index <= rounds; index += 1) {
      log(`round ${index} of ${rounds}: raw client`);
      raws.push(await measureRaw(bench, watch));
      log(`round ${index} of ${rounds}: operator`);
      const written = await measureWrites(bench, watch);
      if (index === rounds) {
        log(`at rest for ${REST_MS / 1000} s`);
        rest = await measureRest(bench);
      }
      operators.push({ ...written, delete: await measureDelete(bench, watch) });
    }
    const raw = rawFigures(raws, count);
    const middle = (phase: 'create' | 'update' | 'delete') => median(operators.map(operator => operator[phase]));
    return {
      namespaces: count,
      unrelated,
      ...raw,
      createSeconds: middle('create'),
      updateSeconds: middle('update'),
      deleteSeconds: middle('delete'),
      createRatio: round(middle('create') / raw.rawCreateSeconds),
      updateRatio: round(middle('update') / raw.rawUpdateSeconds),
      requestsPerCopy: round(Math.max(...operators.map(({ requests }) => requests)) / count, 4),
      ...rest,
      rounds: operators.map(({ create, update }, index) => ({ create, update, raw: bestOf(raws[index]) })),
    };
  } finally {
    await watch.stop();
    await bench.stop();
  }
}

interface OperatorRound {
  /** Seconds. */
  readonly create: number;
  readonly update: number;
  readonly delete: number;
  /** Made for the creates. */
  readonly requests: number;
}

interface Rest {
  readonly idleWritesPerMinute: number;
  readonly rssMiB: number;
  readonly rssPeakMiB: number;
  readonly heapMiB: number;
}

/** The bare client's best seconds of a round. */
function bestOf(raw: RawRound = new Map()): { create: number; update: number } {
  const best = (phase: 'create' | 'update') => round(Math.min(...[...raw.values()].map(seconds => seconds[phase])));
  return { create: best('create'), update: best('update') };
}

/** From the write in the hub to the last copy that a watch in the downstream saw. */
async function measureWrites(
  { fleet, project, namespaces }: BenchFleet,
  watch: CopyWatch,
): Promise<Omit<OperatorRound, 'delete'>> {
  const count = namespaces.length;
  const hub = fleet.hub.client;
  const before = await project.metric('rest_client_requests_total');
  const create = await timedWrite(watch, count, 'ADDED', 'first', () => createSource(hub));
  await projectIs(hub, ({ status }) => status?.shared?.copies === count, 'has all its copies');
  const requests = (await project.metric('rest_client_requests_total')) - before;
  const patch = { data: content('second') };
  const update = await timedWrite(watch, count, 'MODIFIED', 'second', () =>
    hub.mergePatch(SecretType, { namespace: HOME, name: NAME }, patch),
  );
  await projectIs(hub, ({ status }) => status?.shared?.pending === 0, 'has nothing pending');
  return { create, update, requests };
}

async function measureDelete({ fleet, namespaces }: BenchFleet, watch: CopyWatch): Promise<number> {
  const hub = fleet.hub.client;
  const seconds = await timedWrite(watch, namespaces.length, 'DELETED', 'second', () =>
    hub.delete(SecretType, { namespace: HOME, name: NAME }),
  );
  await projectIs(hub, ({ status }) => status?.shared?.copies === 0, 'has no copies left');
  return seconds;
}

async function timedWrite(
  watch: CopyWatch,
  count: number,
  type: string,
  expected: string,
  write: () => Promise<unknown>,
): Promise<number> {
  const last = watch.all(count, type, object => object.metadata?.name === NAME && hasContent(object, expected));
  const start = performance.now();
  await write();
  return round(((await last) - start) / 1000);
}

/** What the servers count in a minute without a cause, leases left out, and what the operator then holds. */
async function measureRest({ fleet, project }: BenchFleet): Promise<Rest> {
  const sites = [fleet.hub.controlPlane, fleet.edge().controlPlane];
  await new Promise(resolve => setTimeout(resolve, 3_000)); // the last status of the update
  const before = await serverWrites(sites);
  await new Promise(resolve => setTimeout(resolve, REST_MS));
  const writes = (await serverWrites(sites)) - before;
  const { rss, peak } = project.memory();
  const heap = await project.metric('nodejs_heap_size_used_bytes');
  return {
    idleWritesPerMinute: writes,
    rssMiB: round(rss, 1),
    rssPeakMiB: round(peak, 1),
    heapMiB: round(heap / 1024 / 1024, 1),
  };
}

async function createSource(hub: Client): Promise<SecretObject> {
  const labels = { [LABEL_SHARED]: 'true', 'bench.example/watched': 'true' };
  return await hub.create(
    SecretType,
    { namespace: HOME },
    { metadata: { name: NAME, labels }, data: content('first') },
  );
}

async function createUnrelated(bench: BenchFleet, count: number, log: (line: string) => void): Promise<void> {
  log(`creating ${count} unrelated Secrets`);
  const client = new RawClient(await credentialsOf(bench.fleet.edge().controlPlane.adminKubeconfig).resolve(), 32);
  const { namespaces } = bench;
  const requests = Array.from({ length: count }, (_, index): RawRequest => {
    const namespace = namespaces[index % namespaces.length] ?? '';
    const body = JSON.stringify({ metadata: { name: `unrelated-${index}` }, data: content('unrelated') });
    return { method: 'POST', path: `/api/v1/namespaces/${namespace}/secrets`, contentType: 'application/json', body };
  });
  await client.sendAll(requests);
  await client.close();
}
