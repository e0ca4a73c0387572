import type { Cluster } from '#api';
import { fieldManager } from '#api';
import { Client, type Clock, Transport } from '#runtime';
import type { OperatorContext } from '../settings.ts';
import { Engagement } from './engagement.ts';

export interface EngagementsOptions {
  readonly context: OperatorContext;
  readonly clock: Clock;
  /** Told when it has become, or is no longer, the hub's turn to write to a cluster. */
  readonly onChange: (cluster: string) => void;
}

/** The engagement Leases that the hub holds, one for each Cluster that it connects to by itself. */
export class Engagements {
  readonly #options: EngagementsOptions;
  readonly #transport: Transport;
  readonly #client: Client;
  readonly #held = new Map<string, Engagement>();
  /** Those that are being given up, or end, by cluster. */
  readonly #ending = new Map<string, Promise<void>>();
  readonly #stop = new AbortController();

  constructor(options: EngagementsOptions) {
    this.#options = options;
    const { hubCredentials: credentials, manager, transport } = options.context;
    this.#transport = new Transport({ ...transport, credentials, writeGuard: manager.writeGuard });
    this.#client = new Client(this.#transport, { fieldManager: fieldManager('cluster') });
  }

  /** The Lease of this Cluster, which is got and held from now on. */
  of({ metadata }: Cluster): Engagement {
    const { name = '', uid = '' } = metadata;
    const current = this.#held.get(name);
    if (current?.uid === uid) return current;
    this.drop(name);
    const { clock, context, onChange } = this.#options;
    const engagement = new Engagement({
      client: this.#client,
      cluster: name,
      uid,
      clock,
      log: context.manager.log,
      onChange: () => onChange(name),
      after: this.#ending.get(name) ?? Promise.resolve(),
    });
    this.#held.set(name, engagement);
    return engagement;
  }

  /** Gives the Lease up, if it is held, once the work that needs it has ended. */
  release(name: string, ended: Promise<unknown>): void {
    this.#end(name, async engagement => {
      await ended;
      await engagement.release(this.#stop.signal);
    });
  }

  /** Renews the Lease no more: its Cluster or namespace is gone. */
  drop(name: string): void {
    this.#end(name, engagement => engagement.stop());
  }

  /** Renews none any more; the next process goes on with them. */
  async stopped(): Promise<void> {
    this.#stop.abort(new Error('the process stops'));
    await Promise.all([...[...this.#held.values()].map(engagement => engagement.stop()), ...this.#ending.values()]);
    await this.#transport.close();
  }

  #end(name: string, how: (engagement: Engagement) => Promise<void>): void {
    const engagement = this.#held.get(name);
    if (!engagement) return;
    this.#held.delete(name);
    const ending = how(engagement).finally(() => {
      if (this.#ending.get(name) === ending) this.#ending.delete(name);
    });
    this.#ending.set(name, ending);
  }
}
