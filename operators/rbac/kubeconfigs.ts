import { hash } from 'node:crypto';
import type { ClusterAccess, ClusterAccessStatus } from '#api';
import type { Cluster, Informer } from '#runtime';
import type { Secret } from '../engagement/kubeconfig.ts';
import { Secrets } from '../engagement/secrets.ts';
import { HUB_OBJECTS, isWhole, KUBECONFIG_KEY, TOKEN_KEY } from './access-objects.ts';
import { isAccessSecret } from './account.ts';

/** What is recorded in the status of the kubeconfig that the operator wrote. */
export type KubeconfigRecord = Required<NonNullable<ClusterAccessStatus['kubeconfig']>>;

const LARGEST = 98_304;

/**
 * The Secrets of ClusterAccesses in the hub: kubeconfigs, and those that agents put tokens into. Of any other Secret with
 * our marks no content is kept.
 */
export function accessSecrets({ cache }: Pick<Cluster, 'cache'>): Informer<Secret> {
  return cache.informer(Secrets, { ...HUB_OBJECTS, transform: { name: 'of accesses', apply: contentOfAccess } });
}

function contentOfAccess({ metadata, type, data = {}, ...rest }: Secret): Secret {
  const { managedFields: _managed, ...kept } = metadata ?? {};
  const { apiVersion, kind } = rest;
  const head = {
    ...(apiVersion ? { apiVersion } : {}),
    ...(kind ? { kind } : {}),
    metadata: kept,
    ...(type ? { type } : {}),
  };
  if (!isAccessSecret(metadata?.name ?? '')) return head;
  const short = Object.entries(data).map(([key, value]) => [key, value.length > LARGEST ? '' : value]);
  return { ...head, data: Object.fromEntries(short) };
}

/** What the Secret holds under the key `kubeconfig`. */
export function kubeconfigIn({ data }: Secret): string {
  return Buffer.from(data?.[KUBECONFIG_KEY] ?? '', 'base64').toString('utf8');
}

/** What an agent put into the Secret for its token; empty before it has. */
export function tokenIn({ data }: Secret): string {
  return Buffer.from(data?.[TOKEN_KEY] ?? '', 'base64')
    .toString('utf8')
    .trim();
}

export const digestOf = (kubeconfig: string): string => hash('sha256', kubeconfig, 'hex');

/** Kubeconfigs as they were last found right, to restore them after a change; lost with the process. */
export class KnownKubeconfigs {
  readonly #byUid = new Map<string, string>();

  get({ metadata }: ClusterAccess): string | undefined {
    return this.#byUid.get(metadata.uid ?? '');
  }

  set({ metadata }: ClusterAccess, kubeconfig: string): void {
    this.#byUid.set(metadata.uid ?? '', kubeconfig);
  }

  delete(uid: string): void {
    this.#byUid.delete(uid);
  }
}

/** Whether a Secret is as the operator writes it, its content being the kubeconfig that the digest is of. */
export function isAsWritten(
  secret: Secret,
  access: ClusterAccess,
  { hub, sha256 }: { readonly hub: string; readonly sha256: string | undefined },
): boolean {
  const isContent = sha256 !== undefined && digestOf(kubeconfigIn(secret)) === sha256;
  const isAlone = Object.keys(secret.data ?? {}).length === 1;
  return isContent && isAlone && !secret.metadata?.deletionTimestamp && isWhole(secret, access, hub);
}

/** JSON Web Tokens in what was found in place of a kubeconfig. */
export function tokensIn(text: string): string[] {
  return (text.match(/[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}/g) ?? []).slice(0, 4);
}
