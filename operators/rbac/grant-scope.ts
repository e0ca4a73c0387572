import { LABEL_OWNER } from '#api';
import type { Cluster, Informer } from '#runtime';
import type { MemberNamespace } from '../engagement/membership.ts';
import type { BindingObject, RoleObject } from '../engagement/rbac-kinds.ts';
import type { NamespaceLimits } from '../membership/namespace-limits.ts';
import type { HubSays } from './says.ts';

/** Until everything has been taken away that no binding explains, nothing is given. */
export type Phase = 'revoking' | 'granting';

/** Everything that a reconcile on a cluster reads and writes by. */
export interface GrantScope {
  readonly cluster: Cluster;
  readonly client: Cluster['client'];
  readonly says: HubSays;
  /** Namespaces in which a project gives no rights. */
  readonly limits: Pick<NamespaceLimits, 'beyond'>;
  readonly hub: string;
  readonly phase: Phase;
  /** The cluster was seen to enforce its admission policies: what they guard may be given. */
  readonly isProven: boolean;
  /** Asks the hub whether a template that is not in its cache was deleted. */
  readonly unknownTemplate: (template: string) => void;
  readonly namespaces: Informer<MemberNamespace>;
  readonly roles: Informer<RoleObject>;
  readonly clusterBindings: Informer<BindingObject>;
  readonly bindings: Informer<BindingObject>;
  readonly signal: AbortSignal;
}

/** What of ours is read from a cluster. */
export const MARKED = { labelSelector: LABEL_OWNER };
export const BY_TEMPLATE = 'template';
export const BY_NAMESPACE = 'namespace';
/** RoleBindings by their template and the project whose people they are for. */
export const BY_PROJECT = 'project';
