import {
  ANNOTATION_NAMESPACES,
  clusterNamespace,
  LABEL_PROJECT,
  LABEL_SHARED,
  type Project,
  type ProjectSpec,
  projectNamespace,
} from '#api';
import type { KubeObject, ResourceType } from '#runtime';

/** A Secret or ConfigMap, whole. */
export interface ContentObject extends KubeObject {
  type?: string;
  immutable?: boolean;
  data?: Record<string, string>;
  binaryData?: Record<string, string>;
}

export type ContentKind = 'Secret' | 'ConfigMap';
type Fields = Readonly<Record<string, string>>;

/** Where the builders' objects live in the API. */
export const ContentTypes: Readonly<Record<ContentKind, ResourceType<ContentObject>>> = {
  Secret: { group: '', version: 'v1', kind: 'Secret', plural: 'secrets', namespaced: true },
  ConfigMap: { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true },
};

/** Text as a Secret's `data` and a ConfigMap's `binaryData` carry it. */
export const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** What a {@link ContentBuilder} has gathered. */
interface Content {
  readonly kind: ContentKind;
  readonly name: string;
  readonly data?: Fields;
  readonly binaryData?: Fields;
  readonly type?: string;
  readonly immutable?: boolean;
  readonly labels?: Fields;
  readonly annotations?: Fields;
}

/** Builds a Secret or ConfigMap; every step returns a new builder, so that one can be the start of many. */
export class ContentBuilder {
  readonly #content: Content;

  constructor(content: Content) {
    this.#content = content;
  }

  get kind(): ContentKind {
    return this.#content.kind;
  }

  get name(): string {
    return this.#content.name;
  }

  #with(more: Partial<Content>): ContentBuilder {
    return new ContentBuilder({ ...this.#content, ...more });
  }

  /** Plain text, also for a Secret. */
  withData(data: Fields): ContentBuilder {
    return this.#with({ data });
  }

  /** Plain text, sent as bytes; of a ConfigMap. */
  withBinaryData(binaryData: Fields): ContentBuilder {
    return this.#with({ binaryData });
  }

  ofType(type: string): ContentBuilder {
    return this.#with({ type });
  }

  thatIsImmutable(): ContentBuilder {
    return this.#with({ immutable: true });
  }

  withLabels(labels: Fields): ContentBuilder {
    return this.#with({ labels: { ...this.#content.labels, ...labels } });
  }

  withAnnotations(annotations: Fields): ContentBuilder {
    return this.#with({ annotations: { ...this.#content.annotations, ...annotations } });
  }

  /** Carries the label that shares it. */
  shared(): ContentBuilder {
    return this.withLabels({ [LABEL_SHARED]: 'true' });
  }

  /** Only for namespaces that this label selector matches. */
  forNamespaces(selector: string): ContentBuilder {
    return this.withAnnotations({ [ANNOTATION_NAMESPACES]: selector });
  }

  build(namespace: string): ContentObject {
    const { kind, name, data, binaryData, type, immutable, labels, annotations } = this.#content;
    return {
      apiVersion: 'v1',
      kind,
      metadata: { name, namespace, labels: { ...labels }, annotations: { ...annotations } },
      ...(type === undefined ? {} : { type }),
      ...(data === undefined ? {} : { data: kind === 'Secret' ? encoded(data) : data }),
      ...(binaryData === undefined ? {} : { binaryData: encoded(binaryData) }),
      ...(immutable === undefined ? {} : { immutable }),
    };
  }
}

/** A Secret with one key, `password: secret`, unless told otherwise. */
export function aSecret(name: string): ContentBuilder {
  return new ContentBuilder({ kind: 'Secret', name, data: { password: 'secret' } });
}

/** A ConfigMap with one key, `color: blue`, unless told otherwise. */
export function aConfigMap(name: string): ContentBuilder {
  return new ContentBuilder({ kind: 'ConfigMap', name, data: { color: 'blue' } });
}

/** A Project of a cluster; all its fields are optional. */
export function aProject(options: { name: string; cluster: string; spec?: ProjectSpec }): Project {
  const { name, cluster, spec = {} } = options;
  return {
    apiVersion: 'paddock.dev/v1alpha1',
    kind: 'Project',
    metadata: { name, namespace: clusterNamespace(cluster) },
    spec,
  };
}

/** A downstream namespace; with a project it is that project's member. */
export function aNamespace(name: string, options: { project?: string; labels?: Fields } = {}): KubeObject {
  const { project, labels } = options;
  return { metadata: { name, labels: { ...labels, ...(project === undefined ? {} : { [LABEL_PROJECT]: project }) } } };
}

/** The hub namespace of a project's shared objects, labelled as `labels` say. */
export function aProjectHome(cluster: string, project: string, labels: Fields): KubeObject {
  return { metadata: { name: projectNamespace(cluster, project), labels } };
}

function encoded(data: Fields): Record<string, string> {
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, base64(value)]));
}
