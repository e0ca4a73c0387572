import { SYSTEM_NAMESPACE } from '#api';
import type { Client, KubeObject, ResourceType } from '#runtime';

export interface Secret extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

export const Secrets: ResourceType<Secret> = {
  group: '',
  version: 'v1',
  kind: 'Secret',
  plural: 'secrets',
  namespaced: true,
};

/** The Secret that agent.yaml brings. */
export const REGISTRATION = { namespace: SYSTEM_NAMESPACE, name: 'paddock-agent-registration' };

/** What agent.yaml says: which hub, which Cluster of it, and the token that registers. */
export interface Registration {
  readonly server: string;
  /** PEM; nothing else is trusted. */
  readonly ca: string;
  /** uid of the hub's kube-system namespace. */
  readonly hub: string;
  readonly cluster: string;
  readonly clusterUid: string;
  /** uid of Secret agent-credential in the hub. */
  readonly credentialUid: string;
  readonly tokenId: string;
  readonly token: string;
}

/** The manifest's Secret can't be used; the message says what to do. */
export class RegistrationError extends Error {
  override readonly name = 'RegistrationError';
}

/** @throws RegistrationError */
export async function readRegistration(client: Client, signal?: AbortSignal): Promise<Registration> {
  const secret = await client.find(Secrets, REGISTRATION, { signal });
  const where = `Secret ${REGISTRATION.namespace}/${REGISTRATION.name}`;
  if (!secret)
    throw new RegistrationError(`${where} does not exist: apply agent.yaml of Secret registration in the hub`);
  const value = (key: string) => {
    const encoded = secret.data?.[key];
    if (!encoded) throw new RegistrationError(`${where} has no key ${key}: apply agent.yaml anew, as it is`);
    return Buffer.from(encoded, 'base64').toString('utf8').trim();
  };
  return {
    server: value('server').replace(/\/+$/, ''),
    ca: value('ca.crt'),
    hub: value('hub'),
    cluster: value('cluster'),
    clusterUid: value('cluster-uid'),
    credentialUid: value('credential-uid'),
    tokenId: value('token-id'),
    token: value('token'),
  };
}
