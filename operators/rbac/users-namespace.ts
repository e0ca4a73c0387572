import { USERS_NAMESPACE } from '#api';
import { type Client, type Informer, isAlreadyExists, Namespaces } from '#runtime';
import type { MemberNamespace } from '../engagement/membership.ts';
import { type AccountOrigin, usersNamespace } from './account.ts';

/** The namespace of people's accounts on one cluster, which comes with the first of them. */
export class UsersNamespace {
  readonly #namespaces: Informer<MemberNamespace>;
  /** Of all who need it at the same time, one makes it. */
  #making: Promise<void> | undefined;

  constructor(namespaces: Informer<MemberNamespace>) {
    this.#namespaces = namespaces;
  }

  /** Where it is being deleted nothing is made: what is to be in it is refused, and tried again. */
  async ensure(client: Client, origin: AccountOrigin, signal: AbortSignal): Promise<void> {
    if (this.#namespaces.get({ name: USERS_NAMESPACE })) return;
    this.#making ??= make(client, origin, signal).finally(() => {
      this.#making = undefined;
    });
    await this.#making;
  }
}

async function make(client: Client, origin: AccountOrigin, signal: AbortSignal): Promise<void> {
  try {
    await client.create(Namespaces, {}, usersNamespace(origin), { signal });
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
}
