import { X509Certificate } from 'node:crypto';

/**
 * The certificates of a PEM bundle, each as OpenSSL reads it: line ends, blank lines and blanks that editors and
 * template engines leave in it do not count, nor does what stands between certificates. Empty when there is none.
 * @throws Error when one can't be read
 */
export function certificatesOf(bundle: string): string {
  const blocks = bundle.matchAll(/-----BEGIN CERTIFICATE-----([^-]*)-----END CERTIFICATE-----/g);
  return [...blocks]
    .map(([, body = '']) => new X509Certificate(Buffer.from(body.replace(/\s/g, ''), 'base64')).toString())
    .join('');
}
