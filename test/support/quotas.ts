import { expect } from '@jest/globals';
import type { Client, KubeObject, ResourceType } from '#runtime';
import { ResourceQuotas } from '../../operators/engagement/policy-kinds.ts';
import { WITHIN_MS } from './cluster-objects.ts';
import { eventuallyPasses } from './eventually.ts';

export interface QuotaObject extends KubeObject {
  readonly spec: { readonly hard?: Readonly<Record<string, string>> };
  readonly status?: { readonly hard?: Readonly<Record<string, string>> };
}

/** ResourceQuotas with what they hold. */
export const Quotas = ResourceQuotas as ResourceType<QuotaObject>;

/** Waits until Kubernetes holds a namespace to a ResourceQuota: before its controller has seen one, all is allowed. */
export async function enforced(client: Client, namespace: string, name: string): Promise<void> {
  await eventuallyPasses(
    async () => {
      const { spec, status } = await client.get(Quotas, { namespace, name });
      expect(status?.hard).toEqual(spec.hard);
    },
    { timeoutMs: WITHIN_MS, what: `ResourceQuota ${namespace}/${name} is in force` },
  );
}
