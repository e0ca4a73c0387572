import type { JSONSchema } from 'json-schema-to-typescript';
import type { Kind, OpenAPISchema } from './crd.ts';

/** A type that generated code takes from elsewhere instead of spelling it out. */
export type Borrowed = 'ObjectMeta' | 'LabelSelector' | 'Condition';

/** Stands in a path for the items of an array and the values of a map. */
const ITEM = '';

export interface TypeSchema {
  readonly schema: JSONSchema;
  readonly borrowed: ReadonlySet<Borrowed>;
}

/**
 * Turns the schema of a kind into the JSON schema its TypeScript types are generated from. Every object with fields of
 * its own gets a name made of the kind and the path to it, without `spec`: `ClusterHeartbeat`, `ClusterStatusNodes`.
 */
export function kindSchema(kind: Kind): TypeSchema {
  const borrowed = new Set<Borrowed>(['ObjectMeta']);
  const { spec, status } = kind.schema.properties ?? {};
  if (spec === undefined || status === undefined) {
    throw new Error(`${kind.kind} must have spec and status in its schema: every kind of Paddock has both`);
  }
  const schema: JSONSchema = {
    type: 'object',
    title: kind.kind,
    ...described(kind.schema),
    properties: {
      apiVersion: { type: 'string', enum: [`${kind.group}/${kind.version}`] },
      kind: { type: 'string', enum: [kind.kind] },
      metadata: { tsType: 'ObjectMeta' },
      spec: { ...convert(spec, [kind.kind], borrowed), title: `${kind.kind}Spec` },
      status: convert(status, [kind.kind, 'status'], borrowed),
    },
    required: ['apiVersion', 'kind', 'metadata', 'spec'],
  };
  return { schema, borrowed };
}

/** The schema of the conditions that all kinds share. Kinds whose conditions differ are an error. */
export function conditionSchema(kinds: readonly Kind[]): JSONSchema {
  const found = kinds.map(kind => ({ kind, items: kind.schema.properties?.status?.properties?.conditions?.items }));
  const [first] = found;
  if (first?.items === undefined) throw new Error(`${first?.kind.kind ?? 'no kind'} has no status.conditions`);
  const odd = found.find(({ items }) => JSON.stringify(items) !== JSON.stringify(first.items));
  if (odd !== undefined) {
    throw new Error(
      `status.conditions of ${odd.kind.kind} differ from those of ${first.kind.kind}: write them the same`,
    );
  }
  return convert(first.items, ['Condition'], new Set());
}

function convert(schema: OpenAPISchema, path: readonly string[], borrowed: Set<Borrowed>): JSONSchema {
  const common = described(schema);
  const borrow = borrowedType(schema, path);
  if (borrow !== undefined) {
    borrowed.add(borrow);
    return { ...common, tsType: borrow };
  }
  if (schema['x-kubernetes-int-or-string']) return { ...common, type: nullable(schema, ['number', 'string']) };
  if (schema['x-kubernetes-preserve-unknown-fields']) return { ...common, type: nullable(schema, ['object']) };
  return { ...common, ...shape(schema, path, borrowed) };
}

/** Conditions and selectors have one type for all kinds, the one that Kubernetes gives them. */
function borrowedType(schema: OpenAPISchema, path: readonly string[]): Borrowed | undefined {
  if (path.at(-2) === 'conditions' && path.at(-1) === ITEM) return 'Condition';
  const { matchLabels, matchExpressions } = schema.properties ?? {};
  return matchLabels !== undefined && matchExpressions !== undefined ? 'LabelSelector' : undefined;
}

function shape(schema: OpenAPISchema, path: readonly string[], borrowed: Set<Borrowed>): JSONSchema {
  const type = nullable(schema, [schema.type ?? 'object']);
  if (schema.enum !== undefined) return { type, enum: [...schema.enum, ...(schema.nullable ? [null] : [])] };
  if (schema.items !== undefined) return { type, items: undescribed(convert(schema.items, [...path, ITEM], borrowed)) };
  if (schema.additionalProperties !== undefined) {
    return { type, additionalProperties: undescribed(convert(schema.additionalProperties, [...path, ITEM], borrowed)) };
  }
  if (schema.type !== 'object') return { type };
  const properties = Object.entries(schema.properties ?? {}).map(
    ([name, property]) => [name, convert(property, [...path, name], borrowed)] as const,
  );
  return {
    type,
    title: path.map(capitalized).join(''),
    properties: Object.fromEntries(properties),
    required: [...(schema.required ?? [])],
    additionalProperties: false,
  };
}

type TypeName = 'string' | 'number' | 'integer' | 'boolean' | 'object' | 'array' | 'null';

function nullable(schema: OpenAPISchema, types: readonly string[]): TypeName[] | TypeName {
  const names = [...types, ...(schema.nullable ? ['null'] : [])].map(typeName);
  const [only] = names;
  return names.length === 1 && only !== undefined ? only : names;
}

function typeName(name: string): TypeName {
  const known: readonly TypeName[] = ['string', 'number', 'integer', 'boolean', 'object', 'array', 'null'];
  const type = known.find(each => each === name);
  if (type === undefined) throw new Error(`type ${name} is none of a schema's: use one of ${known.join(', ')}`);
  return type;
}

function described(schema: OpenAPISchema): { description?: string } {
  if (schema.description === undefined) return {};
  return { description: wrapped(schema.description.replaceAll('*/', '*\\/')) };
}

/** Items that get no interface of their own would repeat their description in that of the list. */
function undescribed(schema: JSONSchema): JSONSchema {
  if (schema.title !== undefined) return schema;
  const { description: _, ...rest } = schema;
  return rest;
}

const DOC_WIDTH = 108;

function wrapped(text: string): string {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const line = lines.at(-1);
    if (line === undefined || line.length + 1 + word.length > DOC_WIDTH) lines.push(word);
    else lines[lines.length - 1] = `${line} ${word}`;
  }
  return lines.join('\n');
}

function capitalized(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
