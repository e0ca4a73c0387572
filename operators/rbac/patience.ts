import type { RoleTemplateBinding } from '#api';

/** A cluster that is connected confirms sooner than anybody could read a status that says it has not. */
export const PATIENCE_MS = 5_000;

/** How long each binding has waited for its cluster, so that a status is not written that is wrong a moment later. */
export class Patience {
  readonly #since = new Map<string, number>();

  /** Whether to write a status now; `settled` when nothing more is waited for. */
  isOver(
    { metadata }: RoleTemplateBinding,
    { settled, patienceMs }: { readonly settled: boolean; readonly patienceMs: number },
    now: number,
  ): boolean {
    const { uid = '' } = metadata;
    if (settled) {
      this.#since.delete(uid);
      return true;
    }
    const since = this.#since.get(uid) ?? now;
    this.#since.set(uid, since);
    return now - since >= patienceMs;
  }

  forget({ metadata }: RoleTemplateBinding): void {
    this.#since.delete(metadata.uid ?? '');
  }
}
