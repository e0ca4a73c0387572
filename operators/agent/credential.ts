import { SYSTEM_NAMESPACE } from '#api';
import {
  type Client,
  type Clock,
  type Credentials,
  type Endpoint,
  errorMessage,
  isAlreadyExists,
  type Logger,
  Namespaces,
  type Runnable,
} from '#runtime';
import { Secrets } from '../engagement/secrets.ts';
import { type Registration, RegistrationError, readRegistration } from './manifest-secret.ts';
import { claimRegistration, hubCredentials, requestAgentToken, TOKEN_SECONDS } from './register.ts';

/** Where the agent keeps its token of the hub, for all its replicas and the next start. */
export const CREDENTIAL = { namespace: SYSTEM_NAMESPACE, name: 'paddock-agent-credential' };

/** A token is renewed this long after it was got, by the clock of the process that got it, or when half of it is over. */
const RENEW_AFTER_MS = 24 * 3600_000;
const CHECK_EVERY_MS = 10 * 60_000;
/** What a hub is asked for, which may give less. */
const LIFETIME_MS = TOKEN_SECONDS * 1_000;

interface Stored {
  readonly token: string;
  /** The registration that it was got by, or renewed from. */
  readonly tokenId: string;
  /** The hub was told that the registration is used. */
  readonly claimed: boolean;
  /** ms since the epoch. */
  readonly issuedAt: number;
  readonly lifetimeMs: number;
}

const renewAfterMs = ({ lifetimeMs }: Stored) => Math.min(RENEW_AFTER_MS, lifetimeMs / 2);

export interface HubCredentialOptions {
  readonly downstream: Client;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/**
 * The agent's credential for the hub: got once by the manifest's token, kept in a Secret downstream, renewed long
 * before it ends. A manifest that was applied since takes the place of the older one.
 */
export class HubCredential implements Credentials, Runnable {
  readonly #options: HubCredentialOptions;
  #working: Promise<Endpoint> | undefined;
  #renewing: Promise<void> = Promise.resolve();

  constructor(options: HubCredentialOptions) {
    this.#options = options;
  }

  /** Registers if need be. @throws RegistrationError */
  async resolve(): Promise<Endpoint> {
    this.#working ??= this.#resolve().finally(() => {
      this.#working = undefined;
    });
    return await this.#working;
  }

  start(signal: AbortSignal): void {
    this.#renewing = this.#renew(signal);
  }

  async stopped(): Promise<void> {
    await this.#renewing;
  }

  async #resolve(): Promise<Endpoint> {
    const { downstream, signal } = this.#options;
    const registration = await readRegistration(downstream, signal);
    const stored = await this.#read();
    const current = stored?.tokenId === registration.tokenId ? stored : await this.#replace(registration, stored);
    if (!current.claimed) await this.#claim(registration, current);
    return await hubCredentials(registration, current.token).resolve();
  }

  /** By the new manifest if that is good; the credential of the older one goes on otherwise. */
  async #replace(registration: Registration, stored: Stored | undefined): Promise<Stored> {
    const { clock, log, signal } = this.#options;
    try {
      const { token, lifetimeMs } = await requestAgentToken(registration, registration.token, signal);
      const fresh = { token, tokenId: registration.tokenId, claimed: false, issuedAt: clock.now(), lifetimeMs };
      // kept before the hub is told: what is told and lost would need a new manifest
      await this.#write(fresh);
      log.info({ cluster: registration.cluster, hub: registration.server }, 'registered with the hub');
      return fresh;
    } catch (error) {
      if (!(error instanceof RegistrationError)) throw error;
      const others = await this.#read();
      if (others?.tokenId === registration.tokenId) return others; // another replica was first
      if (!stored) throw error;
      log.warn({ reason: errorMessage(error) }, 'the manifest can not be used; the credential of the last one goes on');
      return { ...stored, claimed: true };
    }
  }

  async #claim(registration: Registration, stored: Stored): Promise<void> {
    const { downstream, signal } = this.#options;
    const system = await downstream.get(Namespaces, { name: 'kube-system' }, { signal, metadataOnly: true });
    await claimRegistration(registration, stored.token, system.metadata?.uid ?? '', signal);
    await this.#write({ ...stored, claimed: true });
  }

  async #renew(signal: AbortSignal): Promise<void> {
    const { clock, downstream, log } = this.#options;
    while (!signal.aborted) {
      let pause = CHECK_EVERY_MS;
      try {
        const stored = await this.#read();
        if (stored) pause = Math.min(pause, renewAfterMs(stored) / 4);
        if (stored && clock.now() - stored.issuedAt > renewAfterMs(stored)) {
          const registration = await readRegistration(downstream, signal);
          const { token, lifetimeMs } = await requestAgentToken(registration, stored.token, signal);
          await this.#write({ ...stored, token, lifetimeMs, issuedAt: clock.now() });
          log.info('the credential for the hub was renewed');
        }
      } catch (error) {
        if (!signal.aborted)
          log.warn({ reason: errorMessage(error) }, 'the credential for the hub was not renewed yet');
      }
      await clock.sleep(pause, signal);
    }
  }

  async #read(): Promise<Stored | undefined> {
    const { downstream, signal } = this.#options;
    const { data = {} } = (await downstream.find(Secrets, CREDENTIAL, { signal })) ?? {};
    const value = (key: string) => Buffer.from(data[key] ?? '', 'base64').toString('utf8');
    const issuedAt = Number(value('issued-at'));
    if (!data.token || !data['token-id'] || !Number.isFinite(issuedAt)) return undefined;
    const [token, tokenId, lifetimeMs] = [value('token'), value('token-id'), Number(value('lifetime')) || LIFETIME_MS];
    return { token, tokenId, claimed: value('claimed') === 'true', issuedAt, lifetimeMs };
  }

  async #write({ token, tokenId, claimed, issuedAt, lifetimeMs }: Stored): Promise<void> {
    const { downstream, signal } = this.#options;
    const times = { 'issued-at': String(issuedAt), lifetime: String(lifetimeMs) };
    const fields = { token, 'token-id': tokenId, claimed: String(claimed), ...times };
    const encoded = Object.entries(fields).map(([key, value]) => [key, Buffer.from(value).toString('base64')]);
    const body = { metadata: CREDENTIAL, data: Object.fromEntries(encoded) };
    try {
      await downstream.create(Secrets, { namespace: CREDENTIAL.namespace }, body, { signal });
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      await downstream.mergePatch(Secrets, CREDENTIAL, { data: body.data }, { signal });
    }
  }
}
