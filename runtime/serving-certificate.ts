import { readFileSync } from 'node:fs';
import { issue, type KeyPair, newAuthority } from './certificates.ts';
import { errorMessage } from './errors.ts';
import type { Logger } from './log.ts';

/** PEM files of a certificate chain and its private key. */
export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** How often files are read again: cert-manager and the kubelet replace them while the process runs. */
const RELOAD_MS = 60_000;
const ISSUER = 'self-signed';

/**
 * A certificate of one process, signed by an authority that nobody knows: it encrypts, and a client that verifies
 * refuses it. Controller-runtime's metrics server does the same when it is given no certificate.
 */
export function selfSigned(name: string): KeyPair {
  return issue(newAuthority(ISSUER), ISSUER, { commonName: name, usage: 'server', names: [name] });
}

/** @throws Error naming the file that can't be read */
export function readCertificate({ certFile, keyFile }: CertificateFiles): KeyPair {
  return { certPem: readPem(certFile, 'CERTIFICATE'), keyPem: readPem(keyFile, 'PRIVATE KEY') };
}

function readPem(file: string, what: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`"${file}" can't be read: ${errorMessage(error)}`);
  }
  if (!new RegExp(`-----BEGIN [A-Z ]*${what}-----`).test(text)) throw new Error(`"${file}" must be a ${what} in PEM`);
  return text;
}

/**
 * Calls `renew` whenever the files hold another certificate. A pair that can't be read or used leaves the former one in
 * place. The result ends it.
 */
export function followCertificate(
  files: CertificateFiles,
  current: KeyPair,
  { renew, log }: { readonly renew: (pair: KeyPair) => void; readonly log: Logger },
): () => void {
  let latest = current;
  const timer = setInterval(() => {
    try {
      const read = readCertificate(files);
      if (read.certPem === latest.certPem && read.keyPem === latest.keyPem) return;
      renew(read);
      latest = read;
    } catch (error) {
      log.warn({ reason: errorMessage(error) }, 'the serving certificate stays as it was');
    }
  }, RELOAD_MS);
  timer.unref();
  return () => clearInterval(timer);
}
