import type { SecretObject } from '../support/fleet.ts';

const encode = (text: string) => Buffer.from(text).toString('base64');

/** About what a Secret with a user name, a password and a host holds. */
export function content(version: string): Record<string, string> {
  return { version: encode(version), username: encode('payments'), password: encode('p'.repeat(200)) };
}

export function hasContent({ data }: SecretObject, version: string): boolean {
  return data?.version === encode(version);
}
