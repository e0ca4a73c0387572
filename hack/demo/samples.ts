import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as yaml from 'js-yaml';
import { ANNOTATION_NAMESPACES, LABEL_PROJECT, LABEL_SHARED, parseClusterNamespace, parseProjectNamespace } from '#api';
import { type KubeObject, parseSelector } from '#runtime';
import { run } from '../control-plane/command.ts';
import type { Picture } from './picture.ts';
import type { Kubectl } from './place.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const HUB_SAMPLES = 'manifests/samples';
const DOWNSTREAM_SAMPLES = 'manifests/samples/downstream';
const DOWNSTREAM = 'edge-1';
const KUBECTL_TIMEOUT_MS = 60_000;

/** Applies the samples as a user would; `log` is told the commands and what they wrote. */
export async function applySamples(kubectl: Kubectl, log: (line: string) => void): Promise<void> {
  await visibly(kubectl, ['apply', '-f', HUB_SAMPLES], log);
  await visibly(kubectl, ['--context', DOWNSTREAM, 'apply', '-f', DOWNSTREAM_SAMPLES], log);
}

async function visibly(kubectl: Kubectl, args: readonly string[], log: (line: string) => void): Promise<void> {
  log(`$ kubectl ${args.join(' ')}`);
  const env = { ...process.env, ...kubectl.variables };
  const { code, stdout, stderr } = await run(kubectl.command, args, { cwd: ROOT, env, timeoutMs: KUBECTL_TIMEOUT_MS });
  const said = `${stdout}${stderr}`.trimEnd();
  if (said !== '') log(said);
  if (code !== 0) throw new Error(`kubectl ${args.join(' ')} ended with code ${code}: put right what it says above`);
}

/** What must be there once the samples have converged. */
export interface Expectation {
  readonly clusters: readonly string[];
  readonly projects: readonly { readonly cluster: string; readonly name: string }[];
  /** With the copies that must be in it, no others, as `Secret/registry`. */
  readonly namespaces: readonly {
    readonly cluster: string;
    readonly name: string;
    readonly project: string;
    readonly copies: readonly string[];
  }[];
}

/** Read from the samples themselves, so that they can be changed. */
export function sampleExpectation(): Expectation {
  return expectationOf({
    hub: manifestsIn(join(ROOT, HUB_SAMPLES)),
    downstream: manifestsIn(join(ROOT, DOWNSTREAM_SAMPLES)),
    cluster: DOWNSTREAM,
  });
}

function manifestsIn(folder: string): KubeObject[] {
  const files = readdirSync(folder).filter(file => file.endsWith('.yaml'));
  return files.flatMap(file => yaml.loadAll(readFileSync(join(folder, file), 'utf8')).filter(isObject));
}

function isObject(document: unknown): document is KubeObject {
  return typeof document === 'object' && document !== null && 'kind' in document && 'metadata' in document;
}

export interface SampleObjects {
  readonly hub: readonly KubeObject[];
  readonly downstream: readonly KubeObject[];
  /** Where those of the downstream go. */
  readonly cluster: string;
}

/** What must come of these objects when `cluster` and the hub itself are connected. */
export function expectationOf({ hub, downstream, cluster }: SampleObjects): Expectation {
  const projects = hub
    .filter(({ kind }) => kind === 'Project')
    .map(({ metadata }) => ({
      cluster: parseClusterNamespace(metadata?.namespace ?? '') ?? '',
      name: metadata?.name ?? '',
    }));
  const shared = hub.filter(({ metadata }) => metadata?.labels?.[LABEL_SHARED] === 'true');
  const copiesFor = ({ metadata }: KubeObject): string[] =>
    shared.filter(source => reaches(source, { cluster, labels: metadata?.labels ?? {} })).map(nameOf);
  const namespaces = downstream
    .filter(({ kind, metadata }) => kind === 'Namespace' && metadata?.labels?.[LABEL_PROJECT])
    .map(namespace => ({
      cluster,
      name: namespace.metadata?.name ?? '',
      project: namespace.metadata?.labels?.[LABEL_PROJECT] ?? '',
      copies: copiesFor(namespace).sort(),
    }));
  return { clusters: [cluster, 'local'], projects, namespaces };
}

function reaches(
  { metadata }: KubeObject,
  { cluster, labels }: { readonly cluster: string; readonly labels: Readonly<Record<string, string>> },
): boolean {
  const home = parseProjectNamespace(metadata?.namespace ?? '');
  if (home?.cluster !== cluster || home.project !== labels[LABEL_PROJECT]) return false;
  return parseSelector(metadata?.annotations?.[ANNOTATION_NAMESPACES] ?? '').matches(labels);
}

function nameOf({ kind, metadata }: KubeObject): string {
  return `${kind}/${metadata?.name}`;
}

/** What is missing until the samples have converged, one sentence each; empty when they have. */
export function lacking(expected: Expectation, picture: Picture): string[] {
  return [
    ...lackingClusters(expected, picture),
    ...lackingProjects(expected, picture),
    ...lackingCopies(expected, picture),
  ];
}

export function lackingClusters({ clusters }: Expectation, picture: Picture): string[] {
  return clusters.flatMap(name => {
    const row = picture.clusters.find(cluster => cluster.name === name);
    if (!row) return `there is no Cluster ${name}`;
    if (row.connected === 'True' && row.ready === 'True') return [];
    return `Cluster ${name} is not ready: ${row.message || 'it has no condition Ready yet'}`;
  });
}

function lackingProjects({ projects, namespaces }: Expectation, picture: Picture): string[] {
  return projects.flatMap(({ cluster, name }) => {
    const row = picture.projects.find(project => project.cluster === cluster && project.name === name);
    if (!row) return `there is no Project ${name} in c-${cluster}`;
    if (row.ready !== 'True' || !row.current)
      return `Project ${name} is not ready: ${row.message || 'its status is not of its present spec'}`;
    const members = namespaces.filter(namespace => namespace.cluster === cluster && namespace.project === name);
    const copies = members.flatMap(member => member.copies).length;
    if (row.namespaces >= members.length && row.copies >= copies) return [];
    return `Project ${name} counts ${row.namespaces} namespaces and ${row.copies} copies instead of ${members.length} and ${copies}`;
  });
}

function lackingCopies({ namespaces }: Expectation, picture: Picture): string[] {
  return namespaces.flatMap(({ cluster, name, copies }) => {
    const row = picture.namespaces.find(namespace => namespace.cluster === cluster && namespace.name === name);
    const missing = copies.filter(copy => !row?.copies.includes(copy));
    return missing.length === 0 ? [] : `namespace ${name} of ${cluster} lacks ${missing.join(', ')}`;
  });
}
