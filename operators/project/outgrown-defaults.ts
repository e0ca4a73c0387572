import { LABEL_PROJECT, SYSTEM_PROJECT } from '#api';
import { type Client, type EventIntent, Namespaces, type Recorder } from '#runtime';
import type { MemberNamespace } from '../engagement/membership.ts';
import type { DefaultLabel } from '../engagement/namespace-fields.ts';

const HOW_TO_KEEP = `to have it there, give its name to --system-namespaces of the operators, or set the label ${LABEL_PROJECT} "${SYSTEM_PROJECT}" yourself`;

/** The namespaces of one downstream that earlier versions put into project `system` by the pattern `kube-*`. */
export class OutgrownDefaults {
  readonly #client: Client;
  readonly #recorder: Pick<Recorder, 'record'>;
  /** The uids of those that stay, and are named once. */
  readonly #named = new Set<string>();

  constructor(client: Client, recorder: Pick<Recorder, 'record'>) {
    this.#client = client;
    this.#recorder = recorder;
  }

  /**
   * Takes such a namespace out of the project, if nobody else holds the label; it leaves as any other does, so that its
   * pod security stays. A label that somebody else holds, too, may be meant: the namespace stays, and is named.
   */
  async leave(namespace: MemberNamespace, { managers, alone }: DefaultLabel, signal: AbortSignal): Promise<void> {
    const { name = '', uid = '' } = namespace.metadata ?? {};
    if (!alone) {
      if (!this.#named.has(uid))
        this.#record(namespace, 'StaysInProject', 'stays in it, since others set the label, too');
      this.#named.add(uid);
      return;
    }
    for (const fieldManager of managers)
      await this.#client.apply(Namespaces, { metadata: { name, uid } }, { signal, fieldManager });
    this.#record(namespace, 'LeavesProject', 'was taken out of it');
  }

  #record(namespace: MemberNamespace, reason: string, became: string): void {
    const { name } = namespace.metadata ?? {};
    const note = `namespace ${name} was put into project ${SYSTEM_PROJECT} by the beginning of its name, which counts no longer, and ${became}: ${HOW_TO_KEEP}`;
    const event: EventIntent = { type: 'Warning', reason, action: 'Detach', note };
    this.#recorder.record(Namespaces, namespace, event);
  }
}
