import { type Client, type KubeObject, Namespaces, type ResourceType } from '#runtime';
import { CLAIM, ConfigMaps, claimOwner, type Owner } from '../engagement/claim.ts';
import type { HandBackStage } from '../engagement/hand-back.ts';
import { cleanPass, isDerived } from './deletion-derived.ts';

/** How far a downstream may be handed back; each includes those before it. */
export type Goal = 'reach' | 'clean' | 'release';

/**
 * Two passes in a row that find nothing, so far apart, are the end: a write that was on its way when its sender was
 * stopped has arrived by then.
 */
export const PASS_GAP_MS = 2_000;
/** Objects that a message names. */
const NAMED = 20;
/** `paddock-system` of a cluster that is a hub itself carries this label, by our manifests: it stays. */
const PART_OF = 'app.kubernetes.io/part-of';

export interface CleaningOptions {
  readonly owner: Owner;
  /** The name of the Cluster. */
  readonly cluster: string;
  /** What is looked for, in the order in which it goes. */
  readonly kinds: readonly ResourceType[];
}

/** What a look at the downstream brought. */
export interface Progress {
  readonly stage: HandBackStage;
  /** Of stage `foreign`: whose it is. */
  readonly problem?: string;
  /** What grants nothing any more and is kept by foreign finalizers, once it is clean but for that. */
  readonly held?: string;
}

export interface CleaningScope {
  readonly client: Client;
  readonly signal: AbortSignal;
}

/** Takes what is ours off a downstream that is ours, one step after the other, whoever is connected to it. */
export class Cleaning {
  readonly #options: CleaningOptions;
  #emptyPasses = 0;
  #held: readonly string[] = [];

  constructor(options: CleaningOptions) {
    this.#options = options;
  }

  /** What was looked at so far counts no more. */
  restart(): void {
    this.#emptyPasses = 0;
  }

  /**
   * One step from `stage` towards the goal; `release` is called for the last one, with the uid of the claim where
   * there is one. A downstream that is somebody else's is not touched.
   */
  async advance(
    {
      stage,
      goal,
      release,
    }: { stage: HandBackStage; goal: Goal; release: (claim: string | undefined) => Promise<void> },
    { client, signal }: CleaningScope,
  ): Promise<Progress> {
    const { owner, cluster, kinds } = this.#options;
    const holder = await client.find(ConfigMaps, CLAIM, { signal });
    if (holder && !this.#isOurs(claimOwner(holder), holder.data?.name)) {
      const problem = `it is claimed by Cluster ${holder.data?.name ?? ''} of the hub with kube-system uid ${holder.data?.hub ?? ''}`;
      return { stage: 'foreign', problem };
    }
    if (goal === 'release') {
      await release(holder?.metadata?.uid);
      return { stage: 'released', ...this.#left };
    }
    if (goal === 'reach' || stage === 'clean') return { stage, ...this.#left };
    const { found, held } = await cleanPass({ client, cluster, hub: owner.hub, kinds, signal });
    this.#held = held;
    this.#emptyPasses = found === 0 ? this.#emptyPasses + 1 : 0;
    return this.#emptyPasses >= 2 ? { stage: 'clean', ...this.#left } : { stage: 'begun' };
  }

  get #left(): Pick<Progress, 'held'> {
    if (this.#held.length === 0) return {};
    const more = this.#held.length > NAMED ? ` and ${this.#held.length - NAMED} more` : '';
    return { held: `${this.#held.slice(0, NAMED).join(', ')}${more}` };
  }

  /** Also the claim of an earlier Cluster of this name: a name has one Cluster at a time, and this is the last. */
  #isOurs(holder: Owner | undefined, name: string | undefined): boolean {
    const { owner, cluster } = this.#options;
    return holder?.hub === owner.hub && (holder.cluster === owner.cluster || name === cluster);
  }
}

/** Namespace `paddock-system`, if Paddock made it for this cluster and it is not a hub's: it goes after a clean-up. */
export async function ownSystemNamespace(
  { owner, cluster }: CleaningOptions,
  { client, signal }: CleaningScope,
): Promise<KubeObject | undefined> {
  const system = await client.find(Namespaces, { name: CLAIM.namespace }, { signal, metadataOnly: true });
  const goes = system && isDerived(system, { cluster, hub: owner.hub }) && !system.metadata?.labels?.[PART_OF];
  return goes ? system : undefined;
}
