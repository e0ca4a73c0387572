import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { systemErrorCode } from './system-error.ts';

/** Writes beside `path` and renames: a reader, or a start after a crash, sees the old text or the new, never half. */
export function writeFileAtomically(path: string, text: string, { mode }: { readonly mode: number }): void {
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, text, { mode });
  renameSync(temporary, path);
}

/** The file's text, or undefined if there is no such file. */
export function readIfPresent(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
