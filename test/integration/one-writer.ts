import { clusterNamespace, LABEL_CLUSTER, LABEL_PROJECT_HOME, ProjectResource, projectNamespace } from '#api';
import type { TransportOptions } from '#runtime';
import { Namespaces, systemClock } from '#runtime';
import { eventually } from '../support/eventually.ts';
import type { Fleet, Site } from '../support/fleet.ts';
import {
  aNamespace,
  aProject,
  aProjectHome,
  aSecret,
  base64,
  type ContentObject,
  ContentTypes,
} from '../support/objects.ts';

const SECRET = 'token';
const TICK_MS = 100;

/** A write downstream that the server took, with the version that it gave: these have one order. */
interface Entry {
  readonly by: string;
  readonly version: bigint;
}

/** Who wrote what is asked for downstream, in the order of the server. */
export class Journal {
  readonly #entries: Entry[] = [];
  readonly #under: string;

  /** Of the objects in this namespace. */
  constructor(namespace: string) {
    this.#under = `/api/v1/namespaces/${namespace}/`;
  }

  /** Writes down what passes a transport under this name. */
  of(by: string): NonNullable<TransportOptions['afterWrite']> {
    return ({ path }, { status, body }) => {
      if (!path.startsWith(this.#under) || status >= 300) return;
      const { metadata }: ContentObject = JSON.parse(body);
      this.#entries.push({ by, version: BigInt(metadata?.resourceVersion ?? '0') });
    };
  }

  countOf(by: string): number {
    return this.#entries.filter(entry => entry.by === by).length;
  }

  get count(): number {
    return this.#entries.length;
  }

  /** The writers in turn: two of the same in a row are one. */
  get turns(): string[] {
    const ordered = [...this.#entries].sort((a, b) => (a.version < b.version ? -1 : a.version > b.version ? 1 : 0));
    return ordered.map(({ by }) => by).filter((by, index, all) => by !== all[index - 1]);
  }

  async untilWrites(by: string, more: number, timeoutMs = 90_000): Promise<void> {
    const wanted = this.countOf(by) + more;
    await eventually(() => this.countOf(by) >= wanted, { timeoutMs, what: `${by} writes downstream` });
  }
}

/** A project with one namespace, and a shared Secret that changes all the time. */
export class BusyProject {
  readonly namespace: string;
  readonly #fleet: Fleet;
  readonly #cluster: string;
  readonly #site: Site;
  readonly #name: string;
  readonly #stop = new AbortController();
  #ticks = 0;
  #ended: Promise<void> = Promise.resolve();

  constructor(fleet: Fleet, { cluster, site, name }: { cluster: string; site: Site; name: string }) {
    this.#fleet = fleet;
    this.#cluster = cluster;
    this.#site = site;
    this.#name = name;
    this.namespace = `${name}-1`;
  }

  /** Once `c-<cluster>` is there. */
  async start(): Promise<void> {
    const { client } = this.#fleet.hub;
    const cluster = this.#cluster;
    const project = this.#name;
    const home = aProjectHome(cluster, project, { [LABEL_CLUSTER]: cluster, [LABEL_PROJECT_HOME]: project });
    await client.create(Namespaces, {}, home);
    await client.create(ContentTypes.Secret, { namespace: this.#home }, aSecret(SECRET).shared().build(this.#home));
    const namespace = clusterNamespace(cluster);
    await client.create(ProjectResource, { namespace }, aProject({ name: project, cluster }));
    await this.#site.client.create(Namespaces, {}, aNamespace(this.namespace, { project }));
    this.#ended = this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#ended;
  }

  /** Waits until what the source says now, or something newer, has been copied. */
  async untilFollowed(timeoutMs = 90_000): Promise<void> {
    const wanted = this.#ticks;
    const key = { namespace: this.namespace, name: SECRET };
    await eventually(
      async () => {
        const copy = await this.#site.client.find(ContentTypes.Secret, key);
        const value = Buffer.from(copy?.data?.password ?? '', 'base64').toString();
        return Number(value) >= wanted;
      },
      { timeoutMs, what: `the copy follows to change ${wanted}` },
    );
  }

  get #home(): string {
    return projectNamespace(this.#cluster, this.#name);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    const key = { namespace: this.#home, name: SECRET };
    while (!signal.aborted) {
      const data = { password: base64(String(this.#ticks + 1)) };
      await this.#fleet.hub.client.mergePatch(ContentTypes.Secret, key, { data });
      this.#ticks += 1;
      await systemClock.sleep(TICK_MS, signal);
    }
  }
}
