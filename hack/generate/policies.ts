import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as yaml from 'js-yaml';

const POLICY = 'ValidatingAdmissionPolicy';
const BINDING = 'ValidatingAdmissionPolicyBinding';
const API = 'admissionregistration.k8s.io/v1';
/** On a policy: the request that proves that the policy is enforced, as YAML. */
const PROBE = 'paddock.dev/probe';
/** Of a policy that refuses nothing by itself, but by its parameter. */
const UNPROVABLE = 'none';

const NOTICE =
  '// Generated from manifests/downstream/ by hack/generate. Do not edit: change the YAML and run it again.';

interface ResourceRule {
  readonly scope?: string;
}

interface Constraints {
  readonly resourceRules?: readonly ResourceRule[];
  readonly [field: string]: unknown;
}

interface Document {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: { readonly name?: string; readonly annotations?: Readonly<Record<string, string>> };
  readonly spec?: { readonly matchConstraints?: Constraints; readonly policyName?: string };
}

/** The source of the file that brings the policies of a folder into the bundle: policies, then bindings. */
export async function policySources(folder: string): Promise<Map<string, string>> {
  const files = (await readdir(folder)).filter(file => file.endsWith('.yaml')).sort();
  const texts = await Promise.all(files.map(async file => [file, await readFile(join(folder, file), 'utf8')] as const));
  const documents = texts.flatMap(([file, text]) => parse(text, file));
  const policies = documents.filter(({ kind }) => kind === POLICY);
  const bindings = documents.filter(({ kind }) => kind === BINDING);
  for (const { name, spec } of bindings)
    if (!policies.some(policy => policy.name === name && spec.policyName === name))
      throw new Error(`the binding ${name} must be of the policy of its own name, which must be in the same folder`);
  const json = JSON.stringify([...policies, ...bindings], null, 2);
  const source = [
    NOTICE,
    "import type { PolicyManifest } from '../kinds.ts';",
    '',
    '/** The admission policies that every cluster gets, then their bindings. */',
    `export const DOWNSTREAM_POLICIES: readonly PolicyManifest[] = ${json};`,
    '',
  ];
  return new Map([['downstream.ts', source.join('\n')]]);
}

function parse(text: string, file: string) {
  return (yaml.loadAll(text) as Document[]).map(({ apiVersion, kind, metadata, spec }) => {
    const { name = '' } = metadata ?? {};
    if (apiVersion !== API || (kind !== POLICY && kind !== BINDING) || spec === undefined)
      throw new Error(`${file} must hold policies and bindings of ${API} only; move anything else elsewhere`);
    if (!name.startsWith('paddock-')) throw new Error(`${file} names a policy "${name}": begin it with paddock-`);
    const probe = kind === POLICY ? probeOf(name, metadata?.annotations?.[PROBE]) : {};
    return { kind, name, spec: { ...spec, ...constraints(spec.matchConstraints) }, ...probe };
  });
}

function probeOf(policy: string, text: string | undefined): object {
  const missing = `policy ${policy} needs the annotation ${PROBE} with method, path, body and rules: a request that RBAC allows by the rules and that this policy alone refuses; or "${UNPROVABLE}"`;
  if (text === undefined) throw new Error(missing);
  if (text === UNPROVABLE) return {};
  const { method, path, body, rules, namespace } = Object(yaml.load(text));
  const isWhole = (method === 'POST' || method === 'PATCH') && typeof path === 'string' && body && Array.isArray(rules);
  if (!isWhole) throw new Error(missing);
  return { probe: { method, path, body, rules, ...(namespace === undefined ? {} : { namespace }) } };
}

/** What the API server fills in, so that what it stores can be compared. */
function constraints(given: Constraints | undefined): { readonly matchConstraints?: Constraints } {
  if (given === undefined) return {};
  const resourceRules = (given.resourceRules ?? []).map(rule => ({ scope: '*', ...rule }));
  const defaults = { matchPolicy: 'Equivalent', namespaceSelector: {}, objectSelector: {} };
  return { matchConstraints: { ...defaults, ...given, resourceRules } };
}
