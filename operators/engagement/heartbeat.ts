import type { KubeObject } from '#runtime';
import { formatHandBack, type HandBackReport, LONGEST_REPORT, parseHandBack } from './hand-back.ts';

/** The Lease in `c-<cluster>` that an agent renews; what it has to say beside being alive is in annotations. */
export const HEARTBEAT_LEASE = 'heartbeat';

const ANNOTATION_VERSION = 'paddock.dev/agent-version';
const ANNOTATION_REPLICAS = 'paddock.dev/agent-replicas';
const ANNOTATION_UNHEALTHY = 'paddock.dev/api-unhealthy';
const ANNOTATION_PROBLEM = 'paddock.dev/problem';
const ANNOTATION_SETTLING = 'paddock.dev/settling';
const ANNOTATION_HAND_BACK = 'paddock.dev/hand-back';

const REASONS = ['VersionUnsupported', 'AlreadyClaimed', 'ClaimFailed', 'Engaging', 'PoliciesNotInstalled'] as const;

/** Why a cluster that answers can't be used. A terminal one stays until something changes. */
export interface Problem {
  readonly reason: (typeof REASONS)[number];
  readonly message: string;
  readonly terminal: boolean;
}

/** What an agent tells with its heartbeat. */
export interface AgentReport {
  readonly version?: string;
  readonly replicas?: number;
  /** What the cluster's own API server answers to /readyz, when it is not ready. */
  readonly unhealthy?: string;
  readonly problem?: Problem;
  /** It does not know yet whether the cluster can be used: it has just been started. */
  readonly settling?: boolean;
  /** How far the cluster is handed back, once its Cluster is being deleted. */
  readonly handBack?: HandBackReport;
}

/** The annotations of a heartbeat; null takes one away. */
export function reportAnnotations(report: AgentReport): Record<string, string | null> {
  const { version, replicas, unhealthy, problem, settling, handBack } = report;
  return {
    [ANNOTATION_VERSION]: version ?? null,
    [ANNOTATION_REPLICAS]: replicas === undefined ? null : String(replicas),
    [ANNOTATION_UNHEALTHY]: unhealthy ?? null,
    [ANNOTATION_PROBLEM]: problem ? JSON.stringify(problem) : null,
    [ANNOTATION_SETTLING]: settling ? 'true' : null,
    [ANNOTATION_HAND_BACK]: formatHandBack(handBack) ?? null,
  };
}

/** Reads what an agent told. An agent's words are not trusted further than for its own cluster's status. */
export function reportOf(lease: KubeObject): AgentReport {
  const { annotations = {} } = lease.metadata ?? {};
  const version = annotations[ANNOTATION_VERSION]?.slice(0, 128);
  const replicas = /^\d{1,3}$/.test(annotations[ANNOTATION_REPLICAS] ?? '')
    ? Number(annotations[ANNOTATION_REPLICAS])
    : undefined;
  const unhealthy = annotations[ANNOTATION_UNHEALTHY]?.slice(0, 1_000);
  const problem = parseProblem(annotations[ANNOTATION_PROBLEM]);
  const handBack = parseHandBack(annotations[ANNOTATION_HAND_BACK]);
  return {
    ...(version ? { version } : {}),
    ...(replicas === undefined ? {} : { replicas }),
    ...(unhealthy ? { unhealthy } : {}),
    ...(problem ? { problem } : {}),
    ...(annotations[ANNOTATION_SETTLING] === 'true' ? { settling: true } : {}),
    ...(handBack ? { handBack } : {}),
  };
}

function parseProblem(text: string | undefined): Problem | undefined {
  if (text === undefined || text.length > LONGEST_REPORT) return undefined;
  try {
    const { reason, message, terminal } = JSON.parse(text);
    const known = REASONS.find(each => each === reason);
    if (!known || typeof message !== 'string') return undefined;
    return { reason: known, message: message.slice(0, 1_000), terminal: terminal === true };
  } catch {
    return undefined; // an agent of another version
  }
}
