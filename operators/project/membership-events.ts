import { type Project, ProjectResource } from '#api';
import { type Clock, type Recorder, systemClock } from '#runtime';

/** What became of a namespace: `namespace x <became> the project`. */
export interface Membership {
  readonly type: 'Normal' | 'Warning';
  readonly reason: 'NamespaceAttached' | 'NamespaceDetached' | 'NamespaceKept';
  readonly action: 'Attach' | 'Detach';
  readonly became: string;
}

export const ATTACHED: Membership = { type: 'Normal', reason: 'NamespaceAttached', action: 'Attach', became: 'joined' };
export const DETACHED: Membership = { type: 'Normal', reason: 'NamespaceDetached', action: 'Detach', became: 'left' };
/** Of a project that deletes its namespaces. */
export const KEPT: Membership = {
  type: 'Warning',
  reason: 'NamespaceKept',
  action: 'Detach',
  became: 'detached in spite of deletionPolicy Delete, since not seen to join, and not certainly made after,',
};

interface Gathered {
  readonly project: Project;
  readonly membership: Membership;
  readonly namespaces: Set<string>;
  readonly cancel: () => void;
}

/** Namespaces that join or leave a project within so long are told together, ms. */
const GATHER_MS = 250;
/** An event's note has room for 1,024. */
const NAMES_LENGTH = 850;

/** Tells who joined and left a project: a burst, as when a whole team moves in, is one event that names them. */
export class MembershipEvents {
  readonly #recorder: Pick<Recorder, 'record'>;
  readonly #clock: Pick<Clock, 'after'>;
  readonly #gathered = new Map<string, Gathered>();

  constructor(recorder: Pick<Recorder, 'record'>, clock: Pick<Clock, 'after'> = systemClock) {
    this.#recorder = recorder;
    this.#clock = clock;
  }

  add(project: Project, membership: Membership, namespace: string): void {
    const id = `${project.metadata.uid} ${membership.reason}`;
    const others = this.#gathered.get(id);
    if (others) {
      others.namespaces.add(namespace);
      return;
    }
    const cancel = this.#clock.after(GATHER_MS, () => this.#tell(id));
    this.#gathered.set(id, { project, membership, namespaces: new Set([namespace]), cancel });
  }

  /** Tells at once what was gathered. */
  flush(): void {
    for (const id of [...this.#gathered.keys()]) this.#tell(id);
  }

  #tell(id: string): void {
    const gathered = this.#gathered.get(id);
    if (!gathered) return;
    this.#gathered.delete(id);
    gathered.cancel();
    const { project, membership, namespaces } = gathered;
    const { type, reason, action, became } = membership;
    const note = `${namesOf([...namespaces].sort())} ${became} the project`;
    this.#recorder.record(ProjectResource, project, { type, reason, action, note });
  }
}

/** `namespace a`, `namespaces a, b and c`, or as many as there is room for `and 7 more`. */
function namesOf(names: readonly string[]): string {
  const [first = ''] = names;
  if (names.length < 2) return `namespace ${first}`;
  const shown: string[] = [];
  let length = 0;
  for (const name of names) {
    length += name.length + 2;
    if (length > NAMES_LENGTH) return `namespaces ${shown.join(', ')} and ${names.length - shown.length} more`;
    shown.push(name);
  }
  return `namespaces ${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}`;
}
