import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startControlPlane } from '../../hack/control-plane/control-plane.ts';
import { adminClient, type Site } from '../support/fleet.ts';

/** A request that an API server answered, as its audit log tells it (audit.k8s.io/v1). */
export interface AuditEvent {
  readonly verb: string;
  readonly requestURI: string;
  readonly user: { readonly username: string; readonly groups?: readonly string[] };
  readonly objectRef?: { readonly resource?: string; readonly subresource?: string };
  readonly responseStatus?: { readonly code?: number };
  /** RFC 3339 with microseconds. */
  readonly requestReceivedTimestamp: string;
}

const POLICY = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
`;

/** A control plane whose API server writes down every request, before it is answered. */
export class AuditedSite {
  readonly site: Site;
  readonly #dir: string;

  private constructor(site: Site, dir: string) {
    this.site = site;
    this.#dir = dir;
  }

  static async start(name: string): Promise<AuditedSite> {
    const dir = mkdtempSync(join(tmpdir(), 'paddock-audit-'));
    const policy = join(dir, 'policy.yaml');
    writeFileSync(policy, POLICY);
    const apiServerFlags = [
      `--audit-policy-file=${policy}`,
      `--audit-log-path=${logOf(dir)}`,
      '--audit-log-mode=blocking',
      '--audit-log-maxsize=1000',
    ];
    const controlPlane = await startControlPlane({ name, apiServerFlags });
    return new AuditedSite({ name, controlPlane, client: adminClient(controlPlane.adminKubeconfig) }, dir);
  }

  /**
   * The requests received since `since` by users for whom `by` is true. Watches are told when they are opened, and
   * again when they end.
   */
  requests(since: Date, by: (user: AuditEvent['user']) => boolean): AuditEvent[] {
    return readFileSync(logOf(this.#dir), 'utf8')
      .split('\n')
      .filter(line => line.endsWith('}'))
      .map((line): AuditEvent => JSON.parse(line))
      .filter(({ user }) => by(user))
      .filter(({ requestReceivedTimestamp }) => Date.parse(requestReceivedTimestamp) >= since.getTime());
  }

  /** Removes the log; the control plane is its fleet's to stop. */
  forget(): void {
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

const logOf = (dir: string) => join(dir, 'audit.log');

/** Writes of any kind but leases. */
export function isWrite({ verb, objectRef }: AuditEvent): boolean {
  return ['create', 'update', 'patch', 'delete', 'deletecollection'].includes(verb) && objectRef?.resource !== 'leases';
}

/** Lists, also those that come as the beginning of a watch. */
export function isList({ verb, requestURI }: AuditEvent): boolean {
  return verb === 'list' || (verb === 'watch' && requestURI.includes('sendInitialEvents=true'));
}

/** `list /api/v1/secrets?limit=500 200 by system:admin at 2026-01-01T00:00:00.000000Z`, for messages. */
export function describeRequest({
  verb,
  requestURI,
  responseStatus,
  user,
  requestReceivedTimestamp,
}: AuditEvent): string {
  return `${verb} ${requestURI} ${responseStatus?.code ?? ''} by ${user.username} at ${requestReceivedTimestamp}`;
}
