import { setTimeout as delay } from 'node:timers/promises';
import { killAllGuarded } from '../control-plane/watchdog.ts';
import { type Dev, startDev } from '../dev/dev.ts';
import type { DemoArguments } from './arguments.ts';
import { Place } from './place.ts';
import { applySamples, lacking, lackingClusters, sampleExpectation } from './samples.ts';
import { type Output, Screen } from './screen.ts';
import { DemoWatch } from './watch.ts';

const READY_TIMEOUT_MS = 180_000;
const CONVERGE_TIMEOUT_MS = 120_000;
/** The events of what has just been done come a moment after it. */
const EVENTS_MS = 1_000;
const POLL_MS = 100;
/** Ages grow. */
const REDRAW_MS = 1_000;

export interface DemoOptions extends DemoArguments {
  /** Where the user stands; sourcing paths are relative to it. */
  readonly home: string;
  readonly out: Output;
}

/** A hub, a downstream, the operators and the samples, with a view of what happens. */
export class Demo {
  readonly #options: DemoOptions;
  readonly #screen: Screen;
  readonly #place: Place;
  #dev: Dev | undefined;
  #watch: DemoWatch | undefined;
  #redraw: NodeJS.Timeout | undefined;

  /** Makes the folder and starts nothing. */
  constructor(options: DemoOptions) {
    this.#options = options;
    this.#screen = new Screen(options.out);
    this.#place = new Place(options);
  }

  /**
   * Starts everything, applies the samples and shows what happens; with `once` resolves when they have converged.
   * Rejects with the reason when something does not work; `stop` is to be called in any case.
   */
  async run(): Promise<void> {
    const log = (line: string): void => this.#screen.note(line);
    const { once } = this.#options;
    const dev = await startDev({ dir: this.#place.dir, downstreams: 1, log });
    this.#dev = dev;
    const watch = await this.#show(dev);
    const expected = sampleExpectation();
    let ready = false;
    const becomesReady = dev.ready().then(is => {
      ready = is;
    });
    if (once) {
      await within(READY_TIMEOUT_MS, () => lackingClusters(expected, watch.picture()));
      await within(READY_TIMEOUT_MS, () => (ready ? [] : ['a cluster is not prepared: see the logs of its parts']));
    }
    await becomesReady;
    if (!ready) return;
    const kubectl = await this.#place.kubectl(dev.hub, dev.downstreams);
    await applySamples(kubectl, log);
    if (once) {
      await within(CONVERGE_TIMEOUT_MS, () => lacking(expected, watch.picture()));
      await delay(EVENTS_MS);
      this.#screen.show(watch.picture());
      return;
    }
    log(directions(this.#place.publish(kubectl)));
  }

  async #show(dev: Dev): Promise<DemoWatch> {
    const watch = new DemoWatch({
      hub: dev.hub,
      downstreams: dev.downstreams,
      changed: picture => this.#screen.show(picture),
    });
    this.#watch = watch;
    await watch.start();
    this.#redraw = setInterval(() => this.#screen.show(watch.picture()), REDRAW_MS);
    return watch;
  }

  /** Shows nothing any more; the last view stays behind. */
  async leaveView(): Promise<void> {
    clearInterval(this.#redraw);
    await this.#watch?.stop();
    this.#screen.finish();
  }

  /** Leaves the last view behind and nothing else: no process, and of a temporary folder no file. */
  async stop(): Promise<void> {
    await this.leaveView();
    this.#screen.note('stopping');
    // Killing a start half-way is safe: whatever is on disk is taken up by the next one.
    if (this.#dev === undefined) killAllGuarded();
    await this.#dev?.stop();
    this.clear();
  }

  /** The last step of `stop`, for an end at once. */
  clear(): void {
    this.#place.clear();
  }
}

function directions({ source, exports }: ReturnType<Place['publish']>): string {
  return [
    '',
    'In another terminal, from this folder (or paste what the file says, below):',
    '',
    `    ${source}`,
    '',
    ...exports.map(line => `    ${line}`),
    '',
    "kubectl is the hub's then, and kubectl --context edge-1 the downstream's. The tour in README.md goes on from here.",
    'Ctrl-C ends everything.',
  ].join('\n');
}

/** Waits until nothing is missing. Rejects with what is when the time is up. */
async function within(timeoutMs: number, missing: () => readonly string[]): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (let lacks = missing(); lacks.length > 0; lacks = missing()) {
    if (Date.now() > deadline) throw new Error(`not converged after ${timeoutMs / 1_000} s:\n  ${lacks.join('\n  ')}`);
    await delay(POLL_MS);
  }
}
