import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { expect, test } from '@jest/globals';
import { newAuthority } from '../../runtime/certificates.ts';
import { certificatesOf } from './certificates.ts';

const { certPem: ca } = newAuthority('one');
const { certPem: other } = newAuthority('another');

test('what is no certificate is none', () => {
  expect(certificatesOf('')).toBe('');
  expect(certificatesOf('-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----')).toBe('');
  expect(() => certificatesOf('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----')).toThrow();
});

test.each([
  ['line ends of Windows', (pem: string) => pem.replaceAll('\n', '\r\n')],
  ['blank lines', (pem: string) => pem.replaceAll('\n', '\n\n')],
  ['blanks at the end of lines', (pem: string) => pem.replaceAll('\n', '  \n')],
  ['indentation', (pem: string) => pem.replaceAll('\n', '\n    ')],
  ['one line', (pem: string) => pem.replaceAll('\n', '')],
  ['text before and after', (pem: string) => `subject=CN = one\n${pem}\n# the end`],
])('%s do not matter', (_what, damage) => {
  const read = certificatesOf(damage(ca));

  expect(new X509Certificate(read).fingerprint256).toBe(new X509Certificate(ca).fingerprint256);
  expect(() => createSecureContext({ ca: read })).not.toThrow();
});

test('a bundle keeps all of its certificates', () => {
  expect(certificatesOf(`${ca}\r\n\r\n${other}`)).toBe(certificatesOf(ca) + certificatesOf(other));
});
