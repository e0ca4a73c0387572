import type { ControlPlane } from '../../hack/control-plane/control-plane.ts';

const WRITES = new Set(['POST', 'PUT', 'PATCH', 'APPLY', 'DELETE', 'DELETECOLLECTION']);

/** Writes that the API servers counted since they started, of whomever, leases left out. */
export async function serverWrites(sites: readonly ControlPlane[]): Promise<number> {
  const counts = await Promise.all(
    sites.map(async site => {
      const { text } = await site.api.request({ path: '/metrics', timeoutMs: 30_000 });
      return text.split('\n').reduce((sum, line) => sum + writesOf(line), 0);
    }),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

function writesOf(line: string): number {
  if (!line.startsWith('apiserver_request_total{') || line.includes('resource="leases"')) return 0;
  const verb = /verb="([A-Z]+)"/.exec(line)?.[1] ?? '';
  return WRITES.has(verb) ? Number(line.slice(line.lastIndexOf(' '))) : 0;
}
