import { USERS_NAMESPACE } from '#api';
import {
  ApiError,
  type Client,
  type Clock,
  type Cluster,
  ConnectionError,
  errorMessage,
  isConflict,
  isForbidden,
  type JsonPatch,
  jsonEqual,
  type KubeObject,
  WriteRefusedError,
} from '#runtime';
import type { Owner } from '../../engagement/claim.ts';
import { type DesiredPolicy, desiredPolicies, isForeign, isMarked, provablePolicies } from './desired.ts';
import type { PolicyObject } from './kinds.ts';
import { ensureProbeObject, type ProbeObject, probeObjects } from './probe-account.ts';
import { Proofs } from './proofs.ts';
import { type PoliciesState, proofProblem } from './state.ts';

export interface PoliciesOptions {
  /** The connection, of the name of the Cluster that it belongs to; it refuses writes while it is another's turn. */
  readonly cluster: Pick<Cluster, 'name' | 'client' | 'signal'>;
  readonly owner: Owner;
  readonly clock: Clock;
  /** [that of the connection] */
  readonly fieldManager?: string;
  /** The cluster is the hub, where nobody has an account: what guards accounts need not be proven there. */
  readonly isLocal?: boolean;
  /** What a person does about a missing right [as for a kubeconfig]. */
  readonly howToGrant?: string;
  /** Told when {@link PoliciesInPlace.state} has changed. */
  readonly onChange: () => void;
}

/** What an object was when it was last found right. Of a spec that changes the server counts the generation up. */
interface Seen {
  readonly uid: string | undefined;
  readonly generation: number | undefined;
}

/** Policies that are in place are looked at again with the first heartbeat after this. */
const LOOK_AFTER_MS = 14_000;
/** Those that are not are tried again with the first heartbeat after this. */
const RETRY_AFTER_MS = 4_000;
const HOW_TO_GRANT = 'grant the connection’s user what operators/cluster/README.md names under Rights';
/** One answer is waited for no longer than this. */
const TIMEOUT_MS = 10_000;

/**
 * Puts the admission policies on one cluster, keeps them there, and proves that its API server enforces them. It watches
 * nothing: with the heartbeats it reads the metadata of each by name, one after the other, and writes only what is
 * absent, edited or stripped of its marks. The proofs are dry runs, once at engagement and every 10 minutes.
 */
export class PoliciesInPlace {
  readonly #options: PoliciesOptions;
  readonly #client: Client;
  readonly #wanted: readonly DesiredPolicy[];
  readonly #seen = new Map<DesiredPolicy, Seen>();
  readonly #proofs: Proofs;
  readonly #probeObjects: readonly ProbeObject[];
  #installed: PoliciesState;
  #published: PoliciesState;
  #due = Number.NEGATIVE_INFINITY;
  #round: Promise<void> | undefined;
  #proving: Promise<void> | undefined;
  /** Policies were written since they were last proven. */
  #isNew = false;

  constructor(options: PoliciesOptions) {
    this.#options = options;
    const { cluster, owner, fieldManager = cluster.client.fieldManager } = options;
    const { name } = cluster;
    this.#client = cluster.client.as(fieldManager);
    const whose = { owner: { kind: 'cluster', name, uid: owner.cluster }, cluster: name, hub: owner.hub };
    this.#wanted = desiredPolicies(whose);
    const policies = provablePolicies().filter(({ probe }) => !options.isLocal || probe.namespace !== USERS_NAMESPACE);
    const probes = policies.map(({ probe }) => probe);
    this.#probeObjects = probeObjects(probes, { ...whose, owner: { ...whose.owner, kind: 'Cluster' } });
    const { clock } = options;
    this.#proofs = new Proofs({
      cluster: { client: this.#client, signal: cluster.signal },
      policies,
      clock,
      prepare: () => this.#prepare(),
    });
  }

  get state(): PoliciesState {
    if (this.#installed !== 'inPlace') return this.#installed;
    const { howToGrant = HOW_TO_GRANT } = this.#options;
    return proofProblem(this.#proofs.state, howToGrant);
  }

  /** The cluster may be another by now, or its API server have been started with other flags: both are looked at anew. */
  doubt(): void {
    this.#proofs.doubt();
    this.#due = Number.NEGATIVE_INFINITY;
  }

  /**
   * The cluster has answered: looks if it is time to. Resolves when the policies are installed, or why they are not is
   * known; proving them goes on beside. Never rejects.
   */
  async heard(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#options.cluster;
    if (signal.aborted || (!this.#round && clock.monotonic() < this.#due)) return;
    this.#round ??= this.#look().finally(() => {
      this.#round = undefined;
    });
    await this.#round;
  }

  /** Resolves when {@link state} is known, or after this time [ms]. */
  async known(withinMs: number): Promise<void> {
    const { clock, cluster } = this.#options;
    if (this.state !== undefined || !this.#proving) return;
    await Promise.race([this.#proving, clock.sleep(withinMs, cluster.signal)]);
  }

  async #look(): Promise<void> {
    const startedAt = this.#options.clock.monotonic();
    try {
      this.#installed = await this.#ensureAll();
      if (this.#installed === 'inPlace' && this.#proofs.isDue) void this.#prove();
    } catch {
      // no answer, no turn to write, or another writer was quicker: what was known stays
    }
    this.#lookAgain(startedAt);
    this.#publish();
  }

  #lookAgain(since: number): void {
    this.#due = since + (this.state === 'inPlace' ? LOOK_AFTER_MS : RETRY_AFTER_MS);
  }

  async #prove(): Promise<void> {
    this.#proving ??= this.#proofs
      .prove({ isNew: this.#isNew })
      .then(
        () => {
          this.#isNew = false;
        },
        () => undefined, // as above
      )
      .finally(() => {
        this.#proving = undefined;
        this.#lookAgain(this.#options.clock.monotonic());
        this.#publish();
      });
    await this.#proving;
  }

  #publish(): void {
    const { cluster, onChange } = this.#options;
    if (cluster.signal.aborted || jsonEqual(this.#published, this.state)) return;
    this.#published = this.state;
    onChange();
  }

  /** The account that the probes are sent as. */
  async #prepare(): Promise<void> {
    const call = this.#call();
    for (const wanted of this.#probeObjects) await ensureProbeObject(this.#client, wanted, call);
  }

  async #ensureAll(): Promise<PoliciesState> {
    const problems: string[] = [];
    const missing = new Set<string>();
    for (const wanted of this.#wanted) {
      // a foreign policy of that name must not come into force by our binding
      if (missing.has(wanted.name)) continue;
      const problem = await this.#ensure(wanted);
      if (problem === undefined) continue;
      missing.add(wanted.name);
      problems.push(`${wanted.kind} ${wanted.name} ${problem}`);
    }
    if (problems.length === 0) return 'inPlace';
    const message = `admission policies that guard projects are not in place on the cluster: ${problems.join('; ')}; it is tried again with the next heartbeats`;
    return { reason: 'PoliciesNotInstalled', message, terminal: false };
  }

  /** Brings one object about; returns what stands in the way. @throws when that is not known */
  async #ensure(wanted: DesiredPolicy): Promise<string | undefined> {
    try {
      const present = await this.#read(wanted);
      if (present === 'right') return undefined;
      const isOurs = present === undefined || this.#isKnown(present, wanted) || !isForeign(present);
      if (!isOurs)
        return 'is somebody else’s: delete it, or label it app.kubernetes.io/managed-by=paddock to have Paddock take it over';
      const written = present ? await this.#correct(present, wanted) : await this.#create(wanted);
      this.#remember(written, wanted);
      this.#isNew = true;
      this.#proofs.doubt();
      return undefined;
    } catch (error) {
      if (error instanceof ConnectionError || error instanceof WriteRefusedError || isConflict(error)) throw error;
      if (!(error instanceof ApiError)) throw error;
      const { howToGrant = HOW_TO_GRANT } = this.#options;
      const advice = isForbidden(error) ? howToGrant : 'see what refuses it';
      return `is refused (${errorMessage(error)}): ${advice}`;
    }
  }

  /** The whole object, unless it is right; undefined when there is none. */
  async #read(wanted: DesiredPolicy): Promise<PolicyObject | 'right' | undefined> {
    const { type, name } = wanted;
    const call = this.#call();
    if (this.#seen.has(wanted)) {
      const found = await this.#unlessBusy(this.#client.find(type, { name }, { ...call, metadataOnly: true }));
      if (found === 'right') return 'right';
      if (found && this.#isAsSeen(found, wanted) && isMarked(found, wanted)) return 'right';
      if (!found) return undefined;
    }
    const present = await this.#client.find(type, { name }, call);
    if (!present || !jsonEqual(present.spec, wanted.spec) || !isMarked(present, wanted)) return present;
    this.#remember(present, wanted);
    return 'right';
  }

  /** A server that can't answer now, of objects that were right, says nothing against them. */
  async #unlessBusy(answer: Promise<PolicyObject | undefined>): Promise<PolicyObject | 'right' | undefined> {
    try {
      return await answer;
    } catch (error) {
      if (error instanceof ApiError && (error.code >= 500 || error.code === 429)) return 'right';
      throw error;
    }
  }

  /** By apply, since RBAC asks about the name of that, as it can't for a POST. Not by force: another may be quicker. */
  async #create({ type, metadata, spec }: DesiredPolicy): Promise<PolicyObject> {
    return await this.#client.apply(type, { metadata, spec }, { ...this.#call(), force: false });
  }

  /** Replaces the spec as a whole: an apply would leave what others have added to it. */
  async #correct({ metadata }: PolicyObject, wanted: DesiredPolicy): Promise<PolicyObject> {
    const { labels, annotations } = wanted.metadata;
    const patch: JsonPatch = [
      { op: 'replace', path: '/metadata/resourceVersion', value: metadata?.resourceVersion },
      { op: 'add', path: '/metadata/labels', value: { ...metadata?.labels, ...labels } },
      { op: 'add', path: '/metadata/annotations', value: { ...metadata?.annotations, ...annotations } },
      { op: 'add', path: '/spec', value: wanted.spec },
    ];
    return await this.#client.jsonPatch(wanted.type, { name: wanted.name }, patch, this.#call());
  }

  #call() {
    return { signal: this.#options.cluster.signal, timeoutMs: TIMEOUT_MS };
  }

  #remember({ metadata }: KubeObject, wanted: DesiredPolicy): void {
    this.#seen.set(wanted, { uid: metadata?.uid, generation: metadata?.generation });
  }

  /** It was right before, whoever has taken its marks off since. */
  #isKnown({ metadata }: KubeObject, wanted: DesiredPolicy): boolean {
    const seen = this.#seen.get(wanted);
    return seen !== undefined && seen.uid === metadata?.uid;
  }

  #isAsSeen(found: KubeObject, wanted: DesiredPolicy): boolean {
    return this.#isKnown(found, wanted) && this.#seen.get(wanted)?.generation === found.metadata?.generation;
  }
}
