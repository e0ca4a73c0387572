import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { errorMessage } from '#runtime';
import type { OperatorContext } from '../settings.ts';
import { UsageError } from './command.ts';

/**
 * How agents reach the hub, from `--hub-url` and `--hub-ca`; undefined when neither is given.
 * @throws UsageError
 */
export function readHubAddress(url: string | undefined, caFile: string | undefined): OperatorContext['hubAddress'] {
  if (url === undefined && caFile === undefined) return undefined;
  if (url === undefined) throw new UsageError('--hub-ca is given without --hub-url: agents need both, or give neither');
  if (caFile === undefined)
    throw new UsageError('--hub-url is given without --hub-ca: agents trust that CA alone; give both, or neither');
  return { server: readServer(url), ca: readCa(caFile) };
}

function readServer(text: string): string {
  const url = URL.parse(text);
  // quoted only where no password can be in it
  if (!url) throw new UsageError('--hub-url must be a URL such as https://hub.example.com:6443');
  if (url.username || url.password || url.search || url.hash)
    throw new UsageError('--hub-url must be an address alone: no user, password, query or fragment');
  if (url.protocol !== 'https:')
    throw new UsageError(`--hub-url "${text}" must begin with https://: agents send a credential there`);
  return text.replace(/\/+$/, '');
}

function readCa(file: string): string {
  let pem: string;
  try {
    pem = readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`--hub-ca "${file}" can't be read: ${errorMessage(error)}`, { cause: error });
  }
  try {
    new X509Certificate(pem);
  } catch (error) {
    throw new UsageError(`--hub-ca "${file}" must be a file of certificates in PEM: ${errorMessage(error)}`, {
      cause: error,
    });
  }
  return pem;
}
