import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto';
import { isIPv4 } from 'node:net';
import * as der from './der.ts';

const YEARS_VALID = 10;
const ECDSA_WITH_SHA256 = der.sequence(der.objectIdentifier('1.2.840.10045.4.3.2'));

/** A certificate and its private key, both PEM. */
export interface KeyPair {
  readonly certPem: string;
  readonly keyPem: string;
}

export interface Subject {
  readonly commonName: string;
  /** What Kubernetes reads as groups. */
  readonly organizations?: readonly string[];
}

export interface LeafRequest extends Subject {
  /** `server` certificates need names; `peer` ones are used on both ends of a connection. */
  readonly usage: 'server' | 'client' | 'peer';
  /** DNS names and IPv4 addresses. */
  readonly names?: readonly string[];
}

const EXTENDED_KEY_USAGES = { server: ['1.3.6.1.5.5.7.3.1'], client: ['1.3.6.1.5.5.7.3.2'] };
const usagesOf = (usage: LeafRequest['usage']): readonly string[] =>
  usage === 'peer' ? [...EXTENDED_KEY_USAGES.server, ...EXTENDED_KEY_USAGES.client] : EXTENDED_KEY_USAGES[usage];

function distinguishedName({ commonName, organizations = [] }: Subject): Buffer {
  const attribute = (oid: string, value: string): Buffer =>
    der.set(der.sequence(der.objectIdentifier(oid), der.utf8String(value)));
  return der.sequence(...organizations.map(name => attribute('2.5.4.10', name)), attribute('2.5.4.3', commonName));
}

function extension(oid: string, value: Buffer, { critical }: { critical: boolean }): Buffer {
  return der.sequence(der.objectIdentifier(oid), ...(critical ? [der.boolean(true)] : []), der.octetString(value));
}

function subjectAltName(names: readonly string[]): Buffer {
  const entries = names.map(name =>
    isIPv4(name)
      ? der.taggedPrimitive(7, Buffer.from(name.split('.').map(Number)))
      : der.taggedPrimitive(2, Buffer.from(name, 'latin1')),
  );
  return extension('2.5.29.17', der.sequence(...entries), { critical: false });
}

function spki(publicKey: KeyObject): Buffer {
  return publicKey.export({ type: 'spki', format: 'der' });
}

function keyIdentifier(publicKey: KeyObject): Buffer {
  return createHash('sha256').update(spki(publicKey)).digest().subarray(0, 20);
}

interface Tbs {
  readonly subject: Subject;
  readonly subjectKey: KeyObject;
  readonly issuer: Subject;
  readonly issuerKey: KeyObject;
  readonly extensions: readonly Buffer[];
}

function signedCertificate({ subject, subjectKey, issuer, issuerKey, extensions }: Tbs): string {
  const now = Date.now();
  // An hour back, so that a client whose clock lags accepts it.
  const notBefore = new Date(now - 3_600_000);
  const notAfter = new Date(now);
  notAfter.setUTCFullYear(notAfter.getUTCFullYear() + YEARS_VALID);
  const keyIdentifiers = [
    extension('2.5.29.14', der.octetString(keyIdentifier(subjectKey)), { critical: false }),
    extension('2.5.29.35', der.sequence(der.taggedPrimitive(0, keyIdentifier(createPublicKey(issuerKey)))), {
      critical: false,
    }),
  ];
  const tbs = der.sequence(
    der.tagged(0, der.integer(Buffer.from([2]))),
    der.integer(randomBytes(16)),
    ECDSA_WITH_SHA256,
    distinguishedName(issuer),
    der.sequence(der.time(notBefore), der.time(notAfter)),
    distinguishedName(subject),
    spki(subjectKey),
    der.tagged(3, der.sequence(...extensions, ...keyIdentifiers)),
  );
  const certificate = der.sequence(tbs, ECDSA_WITH_SHA256, der.bitString(sign('sha256', tbs, issuerKey)));
  const lines = certificate.toString('base64').replace(/(.{64})(?=.)/g, '$1\n');
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

function pkcs8(privateKey: KeyObject): string {
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** A new P-256 key, as PKCS#8 and SPKI PEM. */
export function newSigningKey(): { readonly privatePem: string; readonly publicPem: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { privatePem: pkcs8(privateKey), publicPem: publicKey.export({ type: 'spki', format: 'pem' }).toString() };
}

/** A new self-signed certificate authority, valid for ten years. */
export function newAuthority(commonName: string): KeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const certPem = signedCertificate({
    subject: { commonName },
    subjectKey: publicKey,
    issuer: { commonName },
    issuerKey: privateKey,
    extensions: [
      extension('2.5.29.19', der.sequence(der.boolean(true)), { critical: true }),
      // digitalSignature, keyCertSign, cRLSign
      extension('2.5.29.15', der.bitString(Buffer.from([0b1000_0110]), 1), { critical: true }),
    ],
  });
  return { certPem, keyPem: pkcs8(privateKey) };
}

/** A new key and a certificate for it, signed by the authority called `issuerName`, valid for ten years. */
export function issue(authority: KeyPair, issuerName: string, request: LeafRequest): KeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const usages = usagesOf(request.usage).map(oid => der.objectIdentifier(oid));
  const certPem = signedCertificate({
    subject: request,
    subjectKey: publicKey,
    issuer: { commonName: issuerName },
    issuerKey: createPrivateKey(authority.keyPem),
    extensions: [
      extension('2.5.29.19', der.sequence(), { critical: true }),
      // digitalSignature
      extension('2.5.29.15', der.bitString(Buffer.from([0b1000_0000]), 7), { critical: true }),
      extension('2.5.29.37', der.sequence(...usages), { critical: false }),
      ...(request.names === undefined ? [] : [subjectAltName(request.names)]),
    ],
  });
  return { certPem, keyPem: pkcs8(privateKey) };
}
