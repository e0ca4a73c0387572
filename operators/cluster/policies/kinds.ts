import type { KubeObject, ResourceType } from '#runtime';
import type { PolicyRule } from '../../engagement/rbac-kinds.ts';

/** A ValidatingAdmissionPolicy or its binding: Paddock hands the spec on and does not look into it. */
export interface PolicyObject extends KubeObject {
  readonly spec?: object;
}

/** As the manifest has it, with what the API server would fill in. */
export interface PolicyManifest {
  readonly kind: 'ValidatingAdmissionPolicy' | 'ValidatingAdmissionPolicyBinding';
  readonly name: string;
  readonly spec: object;
  /** A binding has none, and neither has a policy whose parameter decides what it refuses. */
  readonly probe?: PolicyProbe;
}

/** A write that RBAC allows ServiceAccount `policy-probe` and that one policy alone refuses. */
export interface PolicyProbe {
  readonly method: string;
  readonly path: string;
  readonly body: object;
  /** What the account needs for the request. */
  readonly rules: readonly PolicyRule[];
  /** The rules are granted in this namespace alone [everywhere]. */
  readonly namespace?: string;
}

function admission(kind: PolicyManifest['kind'], plural: string): ResourceType<PolicyObject> {
  return { group: 'admissionregistration.k8s.io', version: 'v1', kind, plural, namespaced: false };
}

export const Policies = admission('ValidatingAdmissionPolicy', 'validatingadmissionpolicies');
export const PolicyBindings = admission('ValidatingAdmissionPolicyBinding', 'validatingadmissionpolicybindings');

/** In the order in which they go when a cluster is handed back: what enforces a policy before the policy. */
export const POLICY_KINDS: readonly ResourceType[] = [PolicyBindings, Policies];
