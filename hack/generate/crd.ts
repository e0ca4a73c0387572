import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as yaml from 'js-yaml';

/** The part of an OpenAPI v3 schema, as structural schemas use it, that types are made from. */
export interface OpenAPISchema {
  readonly type?: string;
  readonly description?: string;
  readonly nullable?: boolean;
  readonly enum?: readonly (string | number | boolean)[];
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, OpenAPISchema>>;
  readonly additionalProperties?: OpenAPISchema;
  readonly items?: OpenAPISchema;
  readonly 'x-kubernetes-int-or-string'?: boolean;
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean;
}

/** One kind in one version, as a CustomResourceDefinition declares it. */
export interface Kind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  readonly schema: OpenAPISchema;
}

interface CustomResourceDefinition {
  readonly kind?: string;
  readonly spec?: {
    readonly group: string;
    readonly scope: 'Namespaced' | 'Cluster';
    readonly names: { readonly kind: string; readonly plural: string };
    readonly versions: readonly {
      readonly name: string;
      readonly storage: boolean;
      readonly schema: { readonly openAPIV3Schema: OpenAPISchema };
    }[];
  };
}

/**
 * Reads the kinds of every CustomResourceDefinition in a folder, in the order of the file names, each in its stored
 * version. The API server is the judge of the CRDs; here they only have to be CRDs.
 */
export async function readKinds(folder: string): Promise<Kind[]> {
  const files = (await readdir(folder)).filter(file => file.endsWith('.yaml')).sort();
  return Promise.all(files.map(async file => parseKind(await readFile(join(folder, file), 'utf8'), file)));
}

function parseKind(text: string, file: string): Kind {
  const { kind, spec } = yaml.load(text) as CustomResourceDefinition;
  const version = spec?.versions.find(({ storage }) => storage);
  if (kind !== 'CustomResourceDefinition' || spec === undefined || version === undefined) {
    throw new Error(
      `${file} must hold one CustomResourceDefinition with a stored version; move anything else elsewhere`,
    );
  }
  return {
    group: spec.group,
    version: version.name,
    kind: spec.names.kind,
    plural: spec.names.plural,
    namespaced: spec.scope === 'Namespaced',
    schema: version.schema.openAPIV3Schema,
  };
}
