import { LABEL_SHARED } from '#api';
import type { Client } from '#runtime';
import { type SecretObject, SecretType } from '../support/fleet.ts';
import { credentialsOf } from '../support/operators.ts';
import { type BenchFleet, HOME, projectIs, startBenchFleet } from './bench-fleet.ts';
import { content, hasContent } from './content.ts';
import { CopyWatch } from './copy-watch.ts';
import { RawClient, type RawRequest } from './raw.ts';
import { measureRaw } from './raw-rounds.ts';
import { round } from './round.ts';
import { serverWrites } from './server-writes.ts';

export interface FanoutOptions {
  readonly namespaces: number;
  /** Secrets in the downstream that have nothing to do with Paddock. */
  readonly unrelated: number;
  readonly log: (line: string) => void;
}

const REST_MS = 60_000;
const NAME = 'shared';

/** One shared Secret to many namespaces, beside a bare client that does the same writes in the same run. */
export async function fanout({ namespaces: count, unrelated, log }: FanoutOptions): Promise<Record<string, unknown>> {
  const bench = await startBenchFleet(count, log);
  const watch = new CopyWatch();
  try {
    const edge = bench.fleet.edge();
    if (unrelated > 0) await createUnrelated(bench, unrelated, log);
    await watch.start(edge.client);
    log('raw client');
    const raw = await measureRaw(bench, watch);
    log('operator');
    const operator = await measureOperator(bench, watch);
    log(`at rest for ${REST_MS / 1000} s`);
    const idleWrites = await measureRest(bench);
    const { rss, peak } = bench.project.memory();
    const heap = await bench.project.metric('nodejs_heap_size_used_bytes');
    const deleteSeconds = await measureDelete(bench, watch);
    return {
      namespaces: count,
      unrelated,
      ...raw,
      createSeconds: operator.create,
      updateSeconds: operator.update,
      deleteSeconds,
      createRatio: round(operator.create / raw.rawCreateSeconds),
      updateRatio: round(operator.update / raw.rawUpdateSeconds),
      requestsPerCopy: round(operator.requests / count, 4),
      idleWritesPerMinute: idleWrites,
      rssMiB: round(rss, 1),
      rssPeakMiB: round(peak, 1),
      heapMiB: round(heap / 1024 / 1024, 1),
    };
  } finally {
    await watch.stop();
    await bench.stop();
  }
}

/** From the write in the hub to the last copy that a watch in the downstream saw. */
async function measureOperator(
  { fleet, project, namespaces }: BenchFleet,
  watch: CopyWatch,
): Promise<{ create: number; update: number; requests: number }> {
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
  return await timedWrite(watch, namespaces.length, 'DELETED', 'second', () =>
    hub.delete(SecretType, { namespace: HOME, name: NAME }),
  );
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

/** What the servers counted in a minute without a cause, leases left out. */
async function measureRest({ fleet }: BenchFleet): Promise<number> {
  const sites = [fleet.hub.controlPlane, fleet.edge().controlPlane];
  await new Promise(resolve => setTimeout(resolve, 3_000)); // the last status of the update
  const before = await serverWrites(sites);
  await new Promise(resolve => setTimeout(resolve, REST_MS));
  return (await serverWrites(sites)) - before;
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
