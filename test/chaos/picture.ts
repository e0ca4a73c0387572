import {
  ANNOTATION_HUB,
  ANNOTATION_OWNER_UID,
  finalizer,
  LABEL_CLUSTER,
  LABEL_MANAGED_BY,
  LABEL_OWNER,
  LABEL_PLANE,
  LABEL_PROJECT,
  ownerLabel,
  PLANE_HUB,
  type Project,
} from '#api';
import { findCondition, type KubeObject, Namespaces, type ResourceType } from '#runtime';
import { LimitRanges, NetworkPolicies, ResourceQuotas } from '../../operators/engagement/policy-kinds.ts';
import { eventuallyPasses } from '../support/eventually.ts';
import { type ContentObject, ContentTypes } from '../support/objects.ts';
import type { Stage } from './stage.ts';

interface GivenObject extends ContentObject {
  readonly spec?: object;
}
const KINDS: readonly ResourceType<GivenObject>[] = [
  ContentTypes.Secret,
  ContentTypes.ConfigMap,
  ResourceQuotas,
  LimitRanges,
  NetworkPolicies,
];

/** What is in a namespace, told by what a person would compare. */
export interface NamespacePicture {
  /** The scenario's name of the project it is a member of. */
  readonly member?: string;
  /** The label `team`, which projects of scenarios keep on their members. */
  readonly team?: string;
  /** `Secret token=1 of a`, sorted; a copy that is not marked as it should be says so. */
  readonly objects: readonly string[];
}

/** The whole of a stage. */
export interface Picture {
  /** In the order of their numbers; those that are gone, or going, are left out: Kubernetes takes 5 s for that. */
  readonly namespaces: readonly NamespacePicture[];
  /** By the scenario's name: `ready: 10 copies of 2 objects, 4 of 8 pods given`, or `gone`, which its namespace in the hub must be too. */
  readonly projects: Readonly<Record<string, string>>;
}

/** A picture of namespaces that all look the same. */
export function alike(count: number, namespace: NamespacePicture): NamespacePicture[] {
  return Array.from({ length: count }, () => namespace);
}

/** Waits until the stage looks like the picture. Fails with the difference. */
export async function untilPicture(stage: Stage, wanted: Picture, { timeoutMs }: { timeoutMs: number }): Promise<void> {
  const what = `stage ${stage.id} looks as it should`;
  await eventuallyPasses(
    async () => {
      const difference = await differenceFrom(stage, wanted);
      if (difference !== undefined) throw new Error(difference);
    },
    { timeoutMs, what },
  );
}

/** In what the stage does not look like the picture; undefined when it does. */
export async function differenceFrom(stage: Stage, wanted: Picture): Promise<string | undefined> {
  const aliases = Object.keys(wanted.projects);
  const difference = compare(await takePicture(stage, aliases), wanted);
  return difference ?? (await unmarkedObjects(stage));
}

/** The stage as it is, with every copy of its projects wherever it lies. */
export async function takePicture(stage: Stage, aliases: readonly string[]): Promise<Picture> {
  const [hub, namespaces, objects, projects] = await Promise.all([
    stage.hub.get(Namespaces, { name: 'kube-system' }),
    stage.namespaces(),
    objectsOf(stage, aliases),
    Promise.all(aliases.map(async alias => ({ alias, project: await stage.findProject(alias) }))),
  ]);
  const owners = projects.map(({ alias, project }) => ({
    alias,
    label: ownerLabel('project', stage.project(alias)),
    uid: project?.metadata.uid ?? 'gone',
  }));
  const describe = (found: Found) => describeObject(found, owners, stage.cluster, hub.metadata?.uid ?? '');
  const states = projects.map(
    async ({ alias, project }) => [alias, await projectState(stage, alias, project)] as const,
  );
  const inside = new Set(namespaces.map(({ metadata }) => metadata?.name ?? ''));
  const strays = objects.filter(({ object }) => !inside.has(object.metadata?.namespace ?? ''));
  return {
    namespaces: namespaces.filter(isStaying).map(namespace => ({
      ...labelsOf(namespace, owners, stage),
      objects: objects
        .filter(({ object }) => object.metadata?.namespace === namespace.metadata?.name)
        .map(describe)
        .sort(),
    })),
    projects: {
      ...Object.fromEntries(await Promise.all(states)),
      ...(strays.length === 0 ? {} : { strays: strays.map(describe).join(', ') }),
    },
  };
}

interface Found {
  readonly kind: string;
  readonly object: GivenObject;
}

interface OwnerNames {
  readonly alias: string;
  readonly label: string;
  readonly uid: string;
}

/** Whatever names the stage's projects as its owner. */
async function objectsOf(stage: Stage, aliases: readonly string[]): Promise<Found[]> {
  const owners = aliases.map(alias => ownerLabel('project', stage.project(alias)));
  // what is of the hub's side lies there also where the hub is the cluster
  const labelSelector = `${LABEL_OWNER} in (${owners}),${LABEL_PLANE}!=${PLANE_HUB}`;
  const lists = KINDS.map(async type => {
    const { items } = await stage.downstream.list(type, { labelSelector });
    return items.map(object => ({ kind: type.kind, object }));
  });
  return (await Promise.all(lists)).flat();
}

/** What lies in the stage's namespaces without an owner: nothing that an operator may leave behind. */
async function unmarkedObjects(stage: Stage): Promise<string | undefined> {
  const lists = KINDS.map(async type => {
    const { items } = await stage.downstream.list(type, { labelSelector: `!${LABEL_OWNER}` });
    return items
      .filter(({ metadata }) => metadata?.namespace?.startsWith(`${stage.id}-`))
      .filter(({ metadata }) => metadata?.name !== 'kube-root-ca.crt')
      .map(({ metadata }) => `${type.kind} ${metadata?.namespace}/${metadata?.name}`);
  });
  const found = (await Promise.all(lists)).flat();
  return found.length === 0 ? undefined : `without an owner there are ${found.join(', ')}`;
}

function isStaying({ metadata }: KubeObject): boolean {
  return metadata?.deletionTimestamp === undefined;
}

function labelsOf({ metadata }: KubeObject, owners: readonly OwnerNames[], stage: Stage) {
  const membership = metadata?.labels?.[LABEL_PROJECT];
  const member = owners.find(({ alias }) => stage.project(alias) === membership)?.alias ?? membership;
  const team = metadata?.labels?.team;
  return { ...(member === undefined ? {} : { member }), ...(team === undefined ? {} : { team }) };
}

function describeObject({ kind, object }: Found, owners: readonly OwnerNames[], cluster: string, hub: string): string {
  const { name, labels = {}, annotations = {}, deletionTimestamp } = object.metadata ?? {};
  const owner = owners.find(({ label }) => labels[LABEL_OWNER] === label);
  const marked =
    labels[LABEL_MANAGED_BY] === 'paddock' &&
    labels[LABEL_CLUSTER] === cluster &&
    annotations[ANNOTATION_OWNER_UID] === owner?.uid &&
    annotations[ANNOTATION_HUB] === hub;
  const data = object.data?.value ?? '';
  const content = kind === 'Secret' ? Buffer.from(data, 'base64').toString('utf8') : data;
  const value = object.spec ? JSON.stringify(object.spec) : content;
  const wrong = [owner && !marked ? ' wrongly marked' : '', deletionTimestamp ? ' terminating' : ''].join('');
  return `${kind} ${name}=${value} of ${owner?.alias ?? 'nobody'}${object.immutable ? ' immutable' : ''}${wrong}`;
}

async function projectState(stage: Stage, alias: string, project: Project | undefined): Promise<string> {
  const home = await stage.hub.find(Namespaces, { name: stage.home(alias) });
  if (!project) return home && isStaying(home) ? `gone, but not ${stage.home(alias)}` : 'gone';
  const { generation, finalizers = [], deletionTimestamp, uid } = project.metadata;
  const { observedGeneration, conditions, shared, quota } = project.status ?? {};
  const ready = findCondition(conditions, 'Ready');
  const problems = [
    deletionTimestamp ? 'being deleted' : '',
    finalizers.join() === finalizer('project') ? '' : `finalizers ${finalizers.join()}`,
    home?.metadata?.annotations?.[ANNOTATION_OWNER_UID] === uid ? '' : 'its namespace is not marked',
    home?.metadata?.deletionTimestamp ? 'its namespace is being deleted' : '',
    observedGeneration === generation ? '' : 'its status is old',
    ready?.status === 'True' ? '' : `not ready: ${ready?.message ?? ''}`,
  ].filter(Boolean);
  if (problems.length > 0) return problems.join(', ');
  const given = quota ? `, ${quota.allocated?.pods} of ${quota.hard?.pods} pods given` : '';
  return `ready: ${shared?.copies} copies of ${shared?.objects} objects${given}`;
}

function compare(actual: Picture, wanted: Picture): string | undefined {
  const [left, right] = [actual, wanted].map(picture => JSON.stringify(picture, sortedKeys, 2));
  return left === right ? undefined : `expected ${right}\nbut it is ${left}`;
}

function sortedKeys(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
