import { isLevel, isVersion, MODES, policyBy, type SecurityPolicy } from './pod-security.ts';

/**
 * Pod security never gets weaker by membership, so a namespace keeps a record of what is its own: without it nobody could
 * tell the level that a Project brought from the one that was there before. The annotation holds it as compact JSON:
 *
 *     {"enforce":"baseline","enforce-version":"v1.34","inForce":{"enforce":"restricted","enforce-version":"latest"},"project":"<uid>"}
 *
 * Field managers tell less: they are lost when managedFields are reset, and what a manager applies goes with it.
 */
export interface SecurityRecord {
  /** What the namespace has by itself. */
  readonly own: SecurityPolicy;
  /** What was written last: labels that differ from it were changed by others. */
  readonly inForce: SecurityPolicy;
  /** uid of the Project that it was computed for. */
  readonly project: string;
}

/** Longest record that is read; the longest that is written has half of it. */
const MAX_LENGTH = 1_024;
const UID = /^[0-9A-Za-z.-]{1,64}$/;
const SUFFIXES: ReadonlySet<string> = new Set(MODES.flatMap(mode => [mode, `${mode}-version`]));

/** Undefined for none, and for one that can't be read. */
export function readRecord(text: string | undefined): SecurityRecord | undefined {
  if (text === undefined || text.length > MAX_LENGTH) return undefined;
  const parsed = parseObject(text);
  if (!parsed) return undefined;
  const { inForce, project, ...rest } = parsed;
  const [own, written] = [readPolicy(rest), isObject(inForce) ? readPolicy(inForce) : undefined];
  if (!own || !written || typeof project !== 'string' || !UID.test(project)) return undefined;
  return { own, inForce: written, project };
}

export function formatRecord({ own, inForce, project }: SecurityRecord): string {
  return JSON.stringify({ ...suffixes(own), inForce: suffixes(inForce), project });
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Undefined unless every key is a label's suffix with a value that Kubernetes takes. */
function readPolicy(fields: Readonly<Record<string, unknown>>): SecurityPolicy | undefined {
  if (Object.keys(fields).some(key => !SUFFIXES.has(key))) return undefined;
  let isValid = true;
  const policy = policyBy(mode => {
    const [level, version] = [fields[mode], fields[`${mode}-version`]];
    if (level === undefined && version === undefined) return undefined;
    if (isLevel(level) && version === undefined) return { level };
    if (isLevel(level) && isVersion(version)) return { level, version };
    isValid = false;
    return undefined;
  });
  return isValid ? policy : undefined;
}

function suffixes(policy: SecurityPolicy): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const mode of MODES) {
    const { level, version } = policy[mode] ?? {};
    if (level !== undefined) fields[mode] = level;
    if (version !== undefined) fields[`${mode}-version`] = version;
  }
  return fields;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
