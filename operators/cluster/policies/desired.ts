import { LABEL_MANAGED_BY, MANAGED_BY, type MarksOptions, marks, ownership } from '#api';
import type { KubeObject, ResourceType } from '#runtime';
import { DOWNSTREAM_POLICIES } from './generated/downstream.ts';
import { Policies, PolicyBindings, type PolicyManifest, type PolicyObject } from './kinds.ts';
import type { Provable } from './proofs.ts';

/** A policy or binding that should be on a cluster. */
export interface DesiredPolicy extends PolicyManifest {
  readonly type: ResourceType<PolicyObject>;
  readonly metadata: ReturnType<typeof marks> & { readonly name: string };
}

/** Every policy that a cluster gets, then every binding: a binding without its policy means nothing. */
export function desiredPolicies(whose: MarksOptions): DesiredPolicy[] {
  const wanted = marks(whose);
  return DOWNSTREAM_POLICIES.map(manifest => ({
    ...manifest,
    type: manifest.kind === 'ValidatingAdmissionPolicy' ? Policies : PolicyBindings,
    metadata: { name: manifest.name, ...wanted },
  }));
}

/** Each policy with the write that proves it. */
export function provablePolicies(): Provable[] {
  return DOWNSTREAM_POLICIES.flatMap(({ name, probe }) => (probe ? [{ name, probe }] : []));
}

/** The names that policies and bindings have, each once; what may write them needs no others. */
export function policyNames(): string[] {
  return [...new Set(DOWNSTREAM_POLICIES.map(({ name }) => name))].sort();
}

/**
 * Whether somebody else made an object of a policy's name. One that only says `managed-by: paddock` is what a person
 * applied from our manifests, and is taken up.
 */
export function isForeign({ metadata }: KubeObject): boolean {
  return ownership(metadata) === 'foreign' && metadata?.labels?.[LABEL_MANAGED_BY] !== MANAGED_BY;
}

/** Whether an object bears all the marks; what others have added to it is theirs. */
export function isMarked({ metadata }: KubeObject, { metadata: wanted }: DesiredPolicy): boolean {
  const { labels = {}, annotations = {} } = metadata ?? {};
  const holds = (present: Readonly<Record<string, string>>, all: Readonly<Record<string, string>>) =>
    Object.entries(all).every(([key, value]) => present[key] === value);
  return holds(labels, wanted.labels) && holds(annotations, wanted.annotations);
}
