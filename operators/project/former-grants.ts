import { LABEL_OWNER, LABEL_PROJECT } from '#api';
import type { Client } from '#runtime';
import { type BindingObject, RoleBindings } from '../engagement/rbac-kinds.ts';

/**
 * Whether people still have rights in a namespace by a project that it has left. The operator that takes them is another
 * process. Until they are gone, limits of the former project stay, and nothing is copied that its people must not read.
 * The server is read, once for each namespace and project: rights are only ever given by the project of the present.
 */
export class FormerGrants {
  readonly #client: Client;
  /** By namespace: for which project it was last found free of others' rights. */
  readonly #clear = new Map<string, string>();

  constructor(client: Client) {
    this.#client = client;
  }

  /** Whether RoleBindings of ours are in the namespace by another project than this one; of any, where it is in none. */
  async areLeft(namespace: string, project: string | undefined, signal: AbortSignal): Promise<boolean> {
    if (project !== undefined && this.#clear.get(namespace) === project) return false;
    this.#clear.delete(namespace);
    const labelSelector = project === undefined ? LABEL_OWNER : `${LABEL_OWNER},${LABEL_PROJECT}!=${project}`;
    const { items } = await this.#client.list(RoleBindings, { namespace, labelSelector }, { signal });
    if (items.some(isGrant)) return true;
    if (project !== undefined) this.#clear.set(namespace, project);
    return false;
  }

  /** The namespace was created as a member of this project: nobody has rights in it by another. */
  created(namespace: string, project: string): void {
    this.#clear.set(namespace, project);
  }

  /** The namespace is gone, or in no project. */
  forget(namespace: string): void {
    this.#clear.delete(namespace);
  }
}

/** One that a foreign finalizer keeps is emptied, and grants nothing then. */
function isGrant({ subjects = [] }: BindingObject): boolean {
  return subjects.length > 0;
}
