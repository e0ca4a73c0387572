import type { KubeObject, ResourceType } from '#runtime';
import { ResourceQuotas } from '../../operators/engagement/policy-kinds.ts';

export interface QuotaObject extends KubeObject {
  readonly spec: { readonly hard?: Readonly<Record<string, string>> };
  readonly status?: { readonly hard?: Readonly<Record<string, string>> };
}

/** ResourceQuotas with what they hold. */
export const Quotas = ResourceQuotas as ResourceType<QuotaObject>;
