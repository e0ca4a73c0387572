/**
 * The code of an operating system's error, as `ENOENT`. Not by `instanceof Error`: under a test runner that isolates
 * globals, Node's own errors are of another realm.
 */
export function systemErrorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
