import { LABEL_SHARED } from '#api';
import { SecretType } from '../support/fleet.ts';
import { credentialsOf } from '../support/operators.ts';
import { HOME, projectIs, startBenchFleet } from './bench-fleet.ts';
import { CopyWatch } from './copy-watch.ts';
import { RawClient } from './raw.ts';
import { quantile, round } from './round.ts';

/** One Secret, one namespace: from the write in the hub to the copy, beside what one raw write takes. */
export async function latency({ rounds, log }: { rounds: number; log: (line: string) => void }): Promise<object> {
  const bench = await startBenchFleet(1, log);
  const watch = new CopyWatch();
  try {
    const { client: hub, controlPlane } = bench.fleet.hub;
    await watch.start(bench.fleet.edge().client);
    const raw = new RawClient(await credentialsOf(controlPlane.adminKubeconfig).resolve(), 1);
    await raw.warmUp();
    const path = `/api/v1/namespaces/${HOME}/secrets/shared`;
    const labels = { [LABEL_SHARED]: 'true', 'bench.example/watched': 'true' };
    const first = watch.all(1, 'ADDED', ({ metadata }) => metadata?.name === 'shared');
    await hub.create(SecretType, { namespace: HOME }, { metadata: { name: 'shared', labels }, data: data('first') });
    await hub.create(SecretType, { namespace: HOME }, { metadata: { name: 'raw' }, data: data('first') });
    await first;
    await projectIs(hub, ({ status }) => status?.shared?.copies === 1, 'has its copy');
    log(`${rounds} writes, each followed to its copy, each beside a raw write`);
    const copies: number[] = [];
    const writes: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const version = `round-${round}`;
      const body = JSON.stringify({ data: data(version) });
      const patch = { method: 'PATCH', contentType: 'application/merge-patch+json', body } as const;
      const started = performance.now();
      await raw.send({ ...patch, path: path.replace('/shared', '/raw') });
      writes.push(performance.now() - started);
      const seen = watch.all(1, 'MODIFIED', object => object.data?.version === data(version).version);
      const sent = performance.now();
      await raw.send({ ...patch, path });
      copies.push((await seen) - sent);
    }
    await raw.close();
    return summary(copies, writes, rounds);
  } finally {
    await watch.stop();
    await bench.stop();
  }
}

function summary(copies: number[], writes: number[], rounds: number): object {
  const p50 = quantile(copies, 0.5);
  const p99 = quantile(copies, 0.99);
  const raw = { p50: quantile(writes, 0.5), p99: quantile(writes, 0.99) };
  return {
    rounds,
    p50Ms: round(p50),
    p99Ms: round(p99),
    rawP50Ms: round(raw.p50),
    rawP99Ms: round(raw.p99),
    p50Writes: round(p50 / raw.p50),
    p99Writes: round(p99 / raw.p50),
  };
}

const data = (version: string) => ({ version: Buffer.from(version).toString('base64') });
