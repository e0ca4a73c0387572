import { type Cluster, ClusterResource, clusterNamespace, marks, ownership, PLANE_HUB } from '#api';
import {
  type Client,
  type Informer,
  isAlreadyExists,
  type KubeObject,
  keyOf,
  Leases,
  Namespaces,
  type Result,
} from '#runtime';
import { parseDuration } from '../../engagement/duration.ts';
import { requestToken } from '../../engagement/token.ts';
import type { OperatorContext } from '../../settings.ts';
import {
  CREDENTIAL_SECRET,
  REGISTRATION_ACCOUNT,
  REGISTRATION_SECRET,
  type SecretIntent,
  SecretIntents,
} from './kinds.ts';
import { addressOf, agentManifest, DEFAULT_IMAGE } from './manifest.ts';
import {
  ANNOTATION_CREDENTIAL_UID,
  ANNOTATION_EXPIRES_AT,
  ANNOTATION_REVOKED,
  ANNOTATION_SPENT,
  ANNOTATION_TOKEN_ID,
  isReuse,
  LABEL_REGISTRATION,
  registrationState,
  type Spent,
} from './secret.ts';

export interface ManifestIssuerOptions {
  readonly context: OperatorContext;
  readonly client: Client;
  /** The Secrets of these names, metadata only. */
  readonly registration: Informer<KubeObject>;
  readonly credential: Informer<KubeObject>;
  /** Metadata only. */
  readonly namespaces: Informer<KubeObject>;
  /** The Leases that say which tokens were used. */
  readonly uses: Informer<KubeObject>;
  /** Told when {@link ManifestIssuer.hubAddressUnknown} has become true. */
  readonly onChange: (cluster: string) => void;
}

/** What the namespace of a Cluster or a Secret that is going away is looked for again after. */
const WAIT_MS = 1_000;
const DEFAULT_TOKEN_TTL = '24h';
const BY_NAMESPACE = 'namespace';

/** Keeps the Secret `registration`: puts a manifest with a token into it, and ends the token once it was used. */
export class ManifestIssuer {
  readonly #options: ManifestIssuerOptions;
  #hubAddressUnknown = false;

  constructor(options: ManifestIssuerOptions) {
    this.#options = options;
    options.uses.addIndex(BY_NAMESPACE, ({ metadata }) => [metadata?.namespace ?? '']);
  }

  /** No manifest can be made: nobody has said how agents reach the hub, and this process does so as only pods can. */
  get hubAddressUnknown(): boolean {
    return this.#hubAddressUnknown;
  }

  /** One step from what the Secret `registration` is to what it should be. */
  async reconcile(cluster: Cluster, signal: AbortSignal): Promise<Result | undefined> {
    const { registration, credential, uses } = this.#options;
    const namespace = clusterNamespace(cluster.metadata.name ?? '');
    const state = registrationState(registration.get({ namespace, name: REGISTRATION_SECRET }));
    if (state.kind === 'terminating') return { requeueAfterMs: WAIT_MS };
    // a token lives on for seconds after its Secret: its second use may come when all is done about the first
    const reuse = uses.byIndex(BY_NAMESPACE, namespace).find(isReuse);
    if (reuse) return await this.#revoke(cluster, reuse, signal);
    if (state.kind === 'spent') return undefined;
    if (state.kind === 'absent') {
      await this.#create(cluster, {}, signal);
      return { requeueAfterMs: 1 };
    }
    if (state.kind === 'empty') return await this.#fill(cluster, state.uid, signal);
    if (uses.get({ namespace, name: `registration-${state.tokenId}` })) {
      await this.#replace(cluster, state.uid, 'Used', signal);
      return undefined;
    }
    await this.#announce(namespace, state.tokenId, signal); // it is there unless an earlier version has issued it
    const bound = credential.get({ namespace, name: CREDENTIAL_SECRET })?.metadata?.uid;
    if (bound === undefined || bound === state.credentialUid) return undefined;
    // the credential was revoked since: by this manifest no agent could get one
    await this.#options.client.delete(
      SecretIntents,
      { namespace, name: REGISTRATION_SECRET },
      { uid: state.uid, signal },
    );
    return { requeueAfterMs: 1 };
  }

  async #create(cluster: Cluster, annotations: Readonly<Record<string, string>>, signal: AbortSignal): Promise<void> {
    const { name = '', uid = '' } = cluster.metadata;
    const { client, context } = this.#options;
    const hub = context.manager.hub.uid;
    const mark = marks({ owner: { kind: 'cluster', name, uid }, cluster: name, hub, plane: PLANE_HUB });
    const namespace = clusterNamespace(name);
    const metadata = {
      name: REGISTRATION_SECRET,
      labels: mark.labels,
      annotations: { ...mark.annotations, ...annotations },
    };
    try {
      await client.create<SecretIntent>(SecretIntents, { namespace }, { metadata }, { signal });
    } catch (error) {
      if (!isAlreadyExists(error)) throw error; // the watch brings it
    }
  }

  /** Puts a manifest with a fresh token into the Secret. A second token, of a second try, lives as long and is as good. */
  async #fill(cluster: Cluster, uid: string, signal: AbortSignal): Promise<Result | undefined> {
    const { name = '', uid: clusterUid = '' } = cluster.metadata;
    const { client, context, credential: credentials } = this.#options;
    const { hubAddress, hubCredentials, agentImage: image = DEFAULT_IMAGE, systemNamespaces = [] } = context;
    const hub = hubAddress ?? (await addressOf(hubCredentials));
    this.#hubAddressUnknown = !hub;
    if (!hub) {
      this.#options.onChange(name); // the Cluster's status says so
      return undefined;
    }
    const namespace = clusterNamespace(name);
    const credential = credentials.get({ namespace, name: CREDENTIAL_SECRET });
    if (!credential || ownership(credential.metadata) === 'foreign') return { requeueAfterMs: WAIT_MS };
    const seconds = Math.ceil(parseDuration(cluster.spec.connection.agent?.tokenTTL ?? DEFAULT_TOKEN_TTL) / 1000);
    const boundTo = { name: REGISTRATION_SECRET, uid };
    const request = { namespace, account: REGISTRATION_ACCOUNT, boundTo, seconds };
    const { token, id, expiresAt } = await requestToken(client, request, signal);
    const credentialUid = credential.metadata?.uid ?? '';
    const manifest = agentManifest({
      hub: { ...hub, uid: context.manager.hub.uid },
      cluster: { name, uid: clusterUid },
      token,
      tokenId: id,
      credentialUid,
      image,
      systemNamespaces,
    });
    const annotations = {
      [ANNOTATION_TOKEN_ID]: id,
      [ANNOTATION_EXPIRES_AT]: expiresAt,
      [ANNOTATION_CREDENTIAL_UID]: credentialUid,
    };
    await this.#announce(namespace, id, signal); // before anybody has the manifest
    const patch = { metadata: { uid, annotations }, data: { 'agent.yaml': Buffer.from(manifest).toString('base64') } };
    await client.mergePatch(SecretIntents, { namespace, name: REGISTRATION_SECRET }, patch, { signal });
    return undefined;
  }

  /** Says in the namespace which manifest it was last, so that its agent can tell of no other's use. */
  async #announce(name: string, tokenId: string, signal: AbortSignal): Promise<void> {
    const known = this.#options.namespaces.get({ name })?.metadata?.annotations?.[LABEL_REGISTRATION];
    if (known === tokenId) return;
    const patch = { metadata: { annotations: { [LABEL_REGISTRATION]: tokenId } } };
    await this.#options.client.mergePatch<KubeObject>(Namespaces, { name }, patch, { signal });
  }

  /** The token dies with its Secret, in whose place an empty one says why. */
  async #replace(cluster: Cluster, uid: string | undefined, why: Spent, signal: AbortSignal): Promise<void> {
    const key = { namespace: clusterNamespace(cluster.metadata.name ?? ''), name: REGISTRATION_SECRET };
    if (uid !== undefined) await this.#options.client.delete(SecretIntents, key, { uid, signal });
    await this.#create(cluster, { [ANNOTATION_SPENT]: why }, signal);
  }

  /** Two clusters used one token: it dies, and so does what they got for it. The Lease is marked last, so nothing is left out. */
  async #revoke(cluster: Cluster, reuse: KubeObject, signal: AbortSignal): Promise<Result> {
    const { client, credential, registration, context } = this.#options;
    const namespace = clusterNamespace(cluster.metadata.name ?? '');
    const bound = credential.get({ namespace, name: CREDENTIAL_SECRET })?.metadata?.uid;
    await client.delete(SecretIntents, { namespace, name: CREDENTIAL_SECRET }, { uid: bound, signal });
    const known = registration.get({ namespace, name: REGISTRATION_SECRET })?.metadata?.uid;
    await this.#replace(cluster, known, 'Reused', signal);
    const note = 'two clusters used one registration token: what both got for it was revoked';
    context.manager.recorder.record(ClusterResource, cluster, {
      type: 'Warning',
      reason: 'RegistrationReused',
      action: 'Register',
      note,
    });
    const patch = { metadata: { uid: reuse.metadata?.uid, annotations: { [ANNOTATION_REVOKED]: 'true' } } };
    await client.mergePatch(Leases, keyOf(reuse), patch, { signal });
    return { requeueAfterMs: 1 };
  }
}
