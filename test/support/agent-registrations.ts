import { createPrivateKey, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as yaml from 'js-yaml';
import { CREDENTIAL } from '../../operators/agent/credential.ts';
import { REGISTRATION } from '../../operators/agent/manifest-secret.ts';
import { type SecretObject, SecretType, type Site } from './fleet.ts';
import { base64 } from './objects.ts';

/** What a manifest says, by the keys of the Secret in it. */
export type RegistrationValues = Readonly<Record<string, string>>;

/** Reads what a manifest says. */
export function valuesOf(manifest: string): RegistrationValues {
  const secrets = yaml.loadAll(manifest).filter(isSecret);
  const [values] = secrets.map(({ stringData }) => stringData);
  if (!values) throw new Error('the manifest has no Secret');
  return values;
}

function isSecret(document: unknown): document is { readonly stringData: RegistrationValues } {
  return typeof document === 'object' && document !== null && Reflect.get(document, 'kind') === 'Secret';
}

/** A downstream to which this manifest was applied, and no other before. */
export async function presentRegistration(site: Site, values: RegistrationValues): Promise<void> {
  await site.client.delete(SecretType, CREDENTIAL);
  await applyRegistration(site, values);
}

/** Applies a manifest to a downstream over the one before; the agent there is not restarted by that. */
export async function applyRegistration({ client }: Site, values: RegistrationValues): Promise<void> {
  const data = Object.fromEntries(Object.entries(values).map(([key, value]) => [key, base64(value)]));
  await client.apply(SecretType, { metadata: { ...REGISTRATION }, data });
}

/** The agent's own token, as it keeps it downstream; undefined when it has none. */
export async function storedToken({ client }: Site): Promise<string | undefined> {
  const secret = await client.find(SecretType, CREDENTIAL);
  return decoded(secret, 'token');
}

/** An agent that got a token and was killed before it could tell the hub. */
export async function storeUnclaimed({ client }: Site, values: RegistrationValues, token: string): Promise<void> {
  const fields = { token, 'token-id': values['token-id'] ?? '', claimed: 'false', 'issued-at': String(Date.now()) };
  const data = Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, base64(value)]));
  await client.create(SecretType, { namespace: CREDENTIAL.namespace }, { metadata: { ...CREDENTIAL }, data });
}

/** The token signed anew by its control plane, with another end (seconds since 1970). */
export function endingAt({ controlPlane }: Site, token: string, end: number): string {
  const [head = '', payload = ''] = token.split('.');
  const claims: object = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
  const times = { iat: end - 3_600, nbf: end - 3_600, exp: end };
  const content = `${head}.${Buffer.from(JSON.stringify({ ...claims, ...times })).toString('base64url')}`;
  const pem = readFileSync(join(controlPlane.dir, 'pki', 'service-account.key'), 'utf8');
  // JOSE wants the two numbers of a signature bare, not as DER
  const signature = sign('sha256', Buffer.from(content), { key: createPrivateKey(pem), dsaEncoding: 'ieee-p1363' });
  return `${content}.${signature.toString('base64url')}`;
}

function decoded(secret: SecretObject | undefined, key: string): string | undefined {
  const value = secret?.data?.[key];
  return value === undefined ? undefined : Buffer.from(value, 'base64').toString('utf8');
}
