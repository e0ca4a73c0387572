import { createHash, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { KubeConfig } from '@kubernetes/client-node';
import * as yaml from 'js-yaml';
import { type Credentials, type KubeObject, kubeConfigCredentials } from '#runtime';

export interface Secret extends KubeObject {
  readonly type?: string;
  readonly data?: Readonly<Record<string, string>>;
}

/** A kubeconfig that may be used: everything in it is inline data, nothing of it is executed or read from disk. */
export interface UsableKubeconfig {
  readonly credentials: Credentials;
  readonly server: string;
  /** PEM, where the kubeconfig names a CA of its own. */
  readonly caBundle?: string;
  /** Changes with anything that a connection depends on, the token included. */
  readonly hash: string;
}

/** Why a kubeconfig Secret can't be used; `reason` and `message` are the Connected condition's. */
export class KubeconfigError extends Error {
  override readonly name = 'KubeconfigError';
  readonly reason: 'KubeconfigMissing' | 'KubeconfigInvalid' | 'KubeconfigRefused';

  constructor(reason: KubeconfigError['reason'], message: string) {
    super(message);
    this.reason = reason;
  }
}

export interface SecretReference {
  readonly namespace: string;
  readonly name: string;
  readonly key?: string | undefined;
}

/** Where a kubeconfig is looked for when no key is named; the second is Cluster API's. */
const DEFAULT_KEYS = ['kubeconfig', 'value'];

/** What would run a program, read a file of the operator's, skip a check or act as somebody else. */
const REFUSED_USER = [
  'exec',
  'auth-provider',
  'tokenFile',
  'client-certificate',
  'client-key',
  'as',
  'as-uid',
  'as-groups',
  'as-user-extra',
];
const REFUSED_CLUSTER = ['certificate-authority', 'insecure-skip-tls-verify'];

/** Bytes of a kubeconfig at most; a longer one is not parsed. One with two CA bundles and certificates has 20 KiB. */
const MOST_BYTES = 131_072;

/** All that is taken from a kubeconfig; what is not named here never reaches the library that makes connections. */
const USER_FIELDS = ['token', 'client-certificate-data', 'client-key-data', 'username', 'password'] as const;
const CLUSTER_FIELDS = ['server', 'certificate-authority-data', 'tls-server-name', 'proxy-url'] as const;

/** Reads the kubeconfig of a pushed cluster from its Secret. @throws KubeconfigError */
export function readKubeconfigSecret(secret: Secret | undefined, reference: SecretReference): UsableKubeconfig {
  const where = `Secret ${reference.namespace}/${reference.name}`;
  if (!secret) throw new KubeconfigError('KubeconfigMissing', `${where} does not exist: create it with the kubeconfig`);
  const keys = reference.key === undefined ? DEFAULT_KEYS : [reference.key];
  const encoded = keys.map(key => secret.data?.[key]).find(value => value !== undefined);
  if (encoded === undefined)
    throw new KubeconfigError(
      'KubeconfigMissing',
      `${where} has no key ${keys.join(' or ')}: put the kubeconfig there`,
    );
  assertSize(Buffer.byteLength(encoded, 'base64'), where);
  return parseKubeconfig(Buffer.from(encoded, 'base64').toString('utf8'), where);
}

/** Checks a kubeconfig and makes credentials of its current context. @throws KubeconfigError */
export function parseKubeconfig(text: string, where: string): UsableKubeconfig {
  const document = parseYaml(text, where);
  const context = named(document.contexts, document['current-context'], 'context', where);
  const cluster = named(document.clusters, context.cluster, 'cluster', where);
  const user = named(document.users, context.user, 'user', where);
  refuse(user, REFUSED_USER, 'user', where);
  refuse(cluster, REFUSED_CLUSTER, 'cluster', where);
  const server = checkedServer(cluster.server, where);
  const inline = {
    cluster: inlineFields(cluster, CLUSTER_FIELDS, where),
    user: inlineFields(user, USER_FIELDS, where),
  };
  const caBundle = decoded(inline.cluster['certificate-authority-data']);
  checkCertificates(inline.user, caBundle, where);
  checkProxy(inline.cluster['proxy-url'], where);
  const hash = createHash('sha256').update(JSON.stringify(inline)).digest('hex');
  const credentials = kubeConfigCredentials(kubeConfigOf(server, inline));
  return { credentials, server, hash, ...(caBundle ? { caBundle } : {}) };
}

/** SHA-256, lower-case hex, of the SubjectPublicKeyInfo of the bundle's first certificate. */
export function caFingerprint(bundle: string): string | undefined {
  try {
    const key = new X509Certificate(bundle).publicKey.export({ type: 'spki', format: 'der' });
    return createHash('sha256').update(key).digest('hex');
  } catch {
    return undefined;
  }
}

type Fields = Readonly<Record<string, unknown>>;

function assertSize(bytes: number, where: string): void {
  if (bytes <= MOST_BYTES) return;
  const message = `${where}: the kubeconfig has ${bytes} bytes, and must have at most ${MOST_BYTES}`;
  throw new KubeconfigError('KubeconfigInvalid', message);
}

function parseYaml(text: string, where: string): Fields {
  assertSize(Buffer.byteLength(text), where);
  let document: unknown;
  try {
    // without merge keys, which multiply what aliases stand for; the deepest field of a kubeconfig is at level 7
    document = yaml.load(text, { schema: yaml.CORE_SCHEMA, maxDepth: 16, maxAliases: 64 });
  } catch {
    // the parser's own message quotes the text, which holds credentials
    throw new KubeconfigError('KubeconfigInvalid', `${where}: the kubeconfig is not YAML`);
  }
  if (isFields(document)) return document;
  throw new KubeconfigError('KubeconfigInvalid', `${where}: the kubeconfig is not a mapping`);
}

function named(list: unknown, name: unknown, what: 'context' | 'cluster' | 'user', where: string): Fields {
  const entries: unknown[] = Array.isArray(list) ? list : [];
  const entry = entries.filter(isFields).find(candidate => candidate.name === name);
  const content = entry?.[what];
  if (typeof name === 'string' && isFields(content)) return content;
  const field = what === 'context' ? 'current-context' : `the context's ${what}`;
  throw new KubeconfigError('KubeconfigInvalid', `${where}: ${field} names no ${what} of the kubeconfig`);
}

function refuse(fields: Fields, refused: readonly string[], what: string, where: string): void {
  const found = refused.find(field => fields[field] !== undefined && fields[field] !== false && fields[field] !== '');
  if (found === undefined) return;
  throw new KubeconfigError(
    'KubeconfigRefused',
    `${where}: ${what}.${found} is not accepted: put a token, or certificates as data, into the kubeconfig`,
  );
}

function checkedServer(server: unknown, where: string): string {
  const url = typeof server === 'string' && URL.canParse(server) ? new URL(server) : undefined;
  const plain = url && `${url.username}${url.password}${url.search}${url.hash}` === '';
  if (plain && url.protocol === 'https:') return url.href.replace(/\/+$/, '');
  throw new KubeconfigError(
    'KubeconfigInvalid',
    `${where}: cluster.server must be an https:// URL without user, query and fragment`,
  );
}

function checkProxy(proxy: string | undefined, where: string): void {
  if (proxy === undefined || (URL.canParse(proxy) && /^https?:$/.test(new URL(proxy).protocol))) return;
  // the URL is not quoted: it may hold a password
  throw new KubeconfigError('KubeconfigInvalid', `${where}: cluster.proxy-url must be an http:// or https:// URL`);
}

type Inline<Name extends string> = Partial<Record<Name, string>>;

function inlineFields<Name extends string>(fields: Fields, names: readonly Name[], where: string): Inline<Name> {
  const inline: Inline<Name> = {};
  for (const name of names) {
    const value = fields[name];
    if (value === undefined || value === null || value === '') continue;
    if (typeof value !== 'string') throw new KubeconfigError('KubeconfigInvalid', `${where}: ${name} must be a string`);
    inline[name] = value;
  }
  return inline;
}

interface InlineKubeconfig {
  readonly cluster: Inline<(typeof CLUSTER_FIELDS)[number]>;
  readonly user: Inline<(typeof USER_FIELDS)[number]>;
}

function kubeConfigOf(server: string, { cluster, user }: InlineKubeconfig): KubeConfig {
  const config = new KubeConfig();
  config.loadFromClusterAndUser(
    {
      name: 'cluster',
      server,
      skipTLSVerify: false,
      ...renamed(cluster, {
        caData: 'certificate-authority-data',
        tlsServerName: 'tls-server-name',
        proxyUrl: 'proxy-url',
      }),
    },
    {
      name: 'user',
      ...renamed(user, {
        token: 'token',
        certData: 'client-certificate-data',
        keyData: 'client-key-data',
        username: 'username',
        password: 'password',
      }),
    },
  );
  return config;
}

/** The fields that are there, under other names. */
function renamed<From extends string, To extends string>(
  fields: Inline<From>,
  names: Readonly<Record<To, From>>,
): Inline<To> {
  const result: Inline<To> = {};
  for (const to in names) {
    const value = fields[names[to]];
    if (value !== undefined) result[to] = value;
  }
  return result;
}

/** A CA, certificate or key that can't be used is found here rather than as a server that never answers. */
function checkCertificates(user: InlineKubeconfig['user'], caBundle: string | undefined, where: string): void {
  const [cert, key] = [decoded(user['client-certificate-data']), decoded(user['client-key-data'])];
  if (caBundle !== undefined && caFingerprint(caBundle) === undefined)
    throw new KubeconfigError('KubeconfigInvalid', `${where}: certificate-authority-data holds no PEM certificate`);
  if ((cert === undefined) !== (key === undefined))
    throw new KubeconfigError('KubeconfigInvalid', `${where}: client-certificate-data and client-key-data go together`);
  if (cert === undefined || key === undefined) return;
  try {
    createSecureContext({ cert, key });
  } catch {
    const message = `${where}: client-certificate-data and client-key-data are not a PEM certificate and its key`;
    throw new KubeconfigError('KubeconfigInvalid', message);
  }
}

function decoded(base64: string | undefined): string | undefined {
  return base64 === undefined ? undefined : Buffer.from(base64, 'base64').toString('utf8');
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
