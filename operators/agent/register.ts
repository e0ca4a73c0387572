import { clusterNamespace } from '#api';
import {
  ApiError,
  Client,
  ConnectionError,
  type Credentials,
  errorMessage,
  isAlreadyExists,
  type KubeObject,
  Leases,
  Transport,
} from '#runtime';
import { AGENT_ACCOUNT, CREDENTIAL_SECRET } from '../cluster/registration/kinds.ts';
import { ANNOTATION_REUSED_BY, LABEL_REGISTRATION } from '../cluster/registration/secret.ts';
import { requestToken, type Token } from '../engagement/token.ts';
import { type Registration, RegistrationError } from './manifest-secret.ts';

/** An agent that is away for longer needs a new manifest (the policy on tokens allows no more). */
export const TOKEN_SECONDS = 7 * 24 * 3600;
const FIELD_MANAGER = 'paddock-agent';

/** How the hub is reached with a token. Only the manifest's CA is trusted. */
export function hubCredentials({ server, ca }: Registration, token: string): Credentials {
  const endpoint = { server, tls: { ca }, headers: { authorization: `Bearer ${token}` } };
  return { resolve: async () => endpoint };
}

/**
 * Asks the hub for a token of the agent: with the manifest's token, or with one that is to be renewed. The token
 * is sent only once TLS has shown that the server has a certificate of the manifest's CA.
 * @throws RegistrationError
 */
export async function requestAgentToken(registration: Registration, by: string, signal: AbortSignal): Promise<Token> {
  const boundTo = { name: CREDENTIAL_SECRET, uid: registration.credentialUid };
  const namespace = clusterNamespace(registration.cluster);
  return await withHub(registration, by, client =>
    requestToken(client, { namespace, account: AGENT_ACCOUNT, boundTo, seconds: TOKEN_SECONDS }, signal),
  );
}

interface Use extends KubeObject {
  readonly spec?: { readonly holderIdentity?: string };
}

/**
 * Says in the hub that this cluster has used the manifest's token, whose life ends with that.
 * @throws RegistrationError when another cluster has used it
 */
export async function claimRegistration(
  registration: Registration,
  token: string,
  downstream: string,
  signal: AbortSignal,
): Promise<void> {
  const { cluster, tokenId } = registration;
  const key = { namespace: clusterNamespace(cluster), name: `registration-${tokenId}` };
  await withHub(registration, token, async client => {
    const body = {
      metadata: { ...key, labels: { [LABEL_REGISTRATION]: tokenId } },
      spec: { holderIdentity: downstream },
    };
    try {
      await client.create<Use>(Leases, { namespace: key.namespace }, body, { signal });
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      const { spec } = await client.get<Use>(Leases, key, { signal });
      if (spec?.holderIdentity === downstream) return;
      const metadata = { annotations: { [ANNOTATION_REUSED_BY]: downstream } };
      await client.mergePatch<Use>(Leases, key, { metadata }, { signal });
      throw new RegistrationError(
        `this manifest was used by another cluster already: both uses are revoked; ${newManifest(cluster)}`,
      );
    }
  });
}

async function withHub<T>(registration: Registration, token: string, use: (client: Client) => Promise<T>): Promise<T> {
  const transport = new Transport({ credentials: hubCredentials(registration, token) });
  try {
    return await use(new Client(transport, { fieldManager: FIELD_MANAGER }));
  } catch (error) {
    throw explained(error, registration);
  } finally {
    await transport.close();
  }
}

/** Errors in the words of what can be done about them; never with a token in them. */
function explained(error: unknown, { server, cluster }: Registration): unknown {
  if (error instanceof RegistrationError) return error;
  if (error instanceof ConnectionError && /CERT|ISSUER|SIGNATURE|SELF_SIGNED|ALTNAME/.test(error.code))
    return new RegistrationError(
      `the hub at ${server} does not show a certificate of the manifest's CA (${error.code}), so no credential was sent: check server and ca.crt of the manifest, and what stands between here and the hub`,
      { cause: error },
    );
  if (error instanceof ApiError && (error.code === 401 || error.code === 403))
    return new RegistrationError(
      `the hub refuses the registration (${error.code}): its token is used, expired or of another cluster; ${newManifest(cluster)}`,
      { cause: error },
    );
  if (error instanceof ApiError && (error.code === 404 || error.code === 409))
    return new RegistrationError(
      `the hub knows this registration no more (${errorMessage(error)}); ${newManifest(cluster)}`,
      { cause: error },
    );
  return error;
}

/** What a person does to let an agent join again. */
export function newManifest(cluster: string): string {
  return `delete Secret registration in namespace ${clusterNamespace(cluster)} of the hub and apply the agent.yaml of the one that takes its place`;
}
