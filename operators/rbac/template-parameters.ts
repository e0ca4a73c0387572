import {
  ANNOTATION_HUB,
  ANNOTATION_OWNER_UID,
  LABEL_MANAGED_BY,
  LABEL_OWNER,
  LABEL_PARAMETER,
  LABEL_PLANE,
  MANAGED_BY,
  ownerLabel,
  PARAMETER_ROLE_TEMPLATE,
  PLANE_HUB,
  type RoleTemplate,
  RoleTemplateResource,
  SYSTEM_NAMESPACE,
} from '#api';
import {
  type Client,
  Controller,
  type Informer,
  isAlreadyExists,
  jsonEqual,
  type Manager,
  type ReconcileContext,
  type Runnable,
  type Watched,
} from '#runtime';
import { type ConfigMap, ConfigMaps } from '../engagement/claim.ts';
import { readLive } from '../engagement/verdicts.ts';

const PREFIX = 'role-template.';

export interface TemplateParametersOptions {
  readonly manager: Manager;
  readonly client: Client;
  readonly templates: Watched<RoleTemplate>;
}

/**
 * Keeps, for each RoleTemplate, a ConfigMap with what the policy on new bindings asks of it. A policy takes no kind of ours
 * as its parameter: an API server that has just started does not know them, and refuses all that such a policy is asked.
 */
export class TemplateParameters implements Runnable {
  readonly #options: TemplateParametersOptions;
  readonly #parameters: Informer<ConfigMap>;
  readonly #controller: Controller;

  constructor(options: TemplateParametersOptions) {
    this.#options = options;
    const { hub, log } = options.manager;
    const labelSelector = `${LABEL_PARAMETER}=${PARAMETER_ROLE_TEMPLATE}`;
    this.#parameters = hub.cache.informer(ConfigMaps, { namespace: SYSTEM_NAMESPACE, labelSelector });
    this.#controller = new Controller({
      name: 'rbac-parameters',
      log,
      reconcile: (name, context) => this.#reconcile(name, context),
      backoffMs: [100, 30_000],
    });
  }

  start(signal: AbortSignal): void {
    const { templates } = this.#options;
    this.#controller
      .watches(templates, ({ metadata }) => [metadata.name ?? ''])
      .watches(this.#parameters, parameter => templateOf(parameter), { ownWrites: false });
    Promise.all([templates.whenSynced(signal), this.#parameters.whenSynced(signal)]).then(
      () => this.#controller.start(signal),
      () => undefined,
    );
  }

  async stopped(): Promise<void> {
    await this.#controller.stopped();
  }

  async #reconcile(name: string, { signal }: ReconcileContext): Promise<undefined> {
    const { client, templates, manager } = this.#options;
    const key = { namespace: SYSTEM_NAMESPACE, name: `${PREFIX}${name}` };
    const template = templates.get(name);
    const current = this.#parameters.get(key);
    if (!template) {
      if (current && (await this.#isDeleted(name, signal)))
        await client.delete(ConfigMaps, key, { uid: current.metadata?.uid, signal });
      return;
    }
    const wanted = parametersOf(template, manager.hub.uid);
    if (current && isRight(current, wanted)) return;
    if (!current) {
      try {
        await client.create(
          ConfigMaps,
          { namespace: SYSTEM_NAMESPACE },
          { ...wanted, metadata: { ...wanted.metadata, ...key } },
          { signal },
        );
        return;
      } catch (error) {
        if (!isAlreadyExists(error)) throw error;
      }
    }
    const extra = Object.keys(current?.data ?? {}).filter(each => !(each in wanted.data));
    const data = { ...wanted.data, ...Object.fromEntries(extra.map(each => [each, null])) };
    await client.mergePatch(ConfigMaps, key, { ...wanted, data }, { signal });
  }

  /** Read from the server: without parameters a policy lets everything pass. */
  async #isDeleted(name: string, signal: AbortSignal): Promise<boolean> {
    const { client, manager } = this.#options;
    const { uid, uninstalled, live } = await readLive(client, RoleTemplateResource, { name }, signal);
    return uid === manager.hub.uid && !uninstalled && !live;
  }
}

interface Parameters {
  readonly metadata: { readonly labels: Fields; readonly annotations: Fields };
  readonly data: Fields;
}
type Fields = Record<string, string>;

/** What the policy reads. */
export function parametersOf({ metadata, spec }: RoleTemplate, hub: string): Parameters {
  const { name = '', uid = '' } = metadata;
  return {
    metadata: {
      labels: {
        [LABEL_PARAMETER]: PARAMETER_ROLE_TEMPLATE,
        [LABEL_MANAGED_BY]: MANAGED_BY,
        [LABEL_OWNER]: ownerLabel('RoleTemplate', name),
        [LABEL_PLANE]: PLANE_HUB,
      },
      annotations: { [ANNOTATION_OWNER_UID]: uid, [ANNOTATION_HUB]: hub },
    },
    data: { name, context: spec.context, locked: String(spec.locked ?? false) },
  };
}

function isRight({ metadata, data }: ConfigMap, wanted: Parameters): boolean {
  const has = (actual: Readonly<Fields> = {}, expected: Fields) =>
    Object.entries(expected).every(([key, value]) => actual[key] === value);
  return (
    has(metadata?.labels, wanted.metadata.labels) &&
    has(metadata?.annotations, wanted.metadata.annotations) &&
    jsonEqual(data, wanted.data)
  );
}

function templateOf({ metadata }: ConfigMap): string[] {
  const { name = '' } = metadata ?? {};
  return name.startsWith(PREFIX) ? [name.slice(PREFIX.length)] : [];
}
