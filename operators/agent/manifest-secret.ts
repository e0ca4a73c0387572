import { SYSTEM_NAMESPACE } from '#api';
import { type Client, errorMessage } from '#runtime';
import { Secrets } from '../engagement/secrets.ts';
import { certificatesOf } from './certificates.ts';

/** The Secret that agent.yaml brings. */
export const REGISTRATION = { namespace: SYSTEM_NAMESPACE, name: 'paddock-agent-registration' };

/** Of a value in it, base64. The largest is the hub's CA bundle. */
const LONGEST_VALUE = 262_144;

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
    if (encoded.length > LONGEST_VALUE)
      throw new RegistrationError(
        `${where}: ${key} has more than ${LONGEST_VALUE} bytes: apply agent.yaml anew, as it is`,
      );
    return Buffer.from(encoded, 'base64').toString('utf8').trim();
  };
  return {
    server: serverOf(value('server'), where),
    ca: caOf(value('ca.crt'), where),
    hub: value('hub'),
    cluster: value('cluster'),
    clusterUid: value('cluster-uid'),
    credentialUid: value('credential-uid'),
    tokenId: value('token-id'),
    token: value('token'),
  };
}

/** Without TLS nobody could tell the hub from another server, and the token would be sent to either. */
function serverOf(text: string, where: string): string {
  const server = text.replace(/\/+$/, '');
  if (URL.canParse(server) && new URL(server).protocol === 'https:') return server;
  throw new RegistrationError(`${where}: server "${server}" must be an https URL: apply agent.yaml anew, as it is`);
}

function caOf(text: string, where: string): string {
  const fail = (why: string, cause?: unknown) =>
    new RegistrationError(`${where}: ca.crt ${why}: apply agent.yaml anew, as it is`, { cause });
  let ca: string;
  try {
    ca = certificatesOf(text);
  } catch (error) {
    throw fail(`holds a certificate that can't be read (${errorMessage(error)})`, error);
  }
  if (ca === '') throw fail('holds no PEM certificate');
  return ca;
}
