import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { type OpenAPISchema, readKinds } from '../../hack/generate/crd.ts';

const kinds = await readKinds(fileURLToPath(new URL('../../crds', import.meta.url)));

/** Every field below a schema with its path; items of a list are `[]`, values of a map `{}`. */
function fields(schema: OpenAPISchema, path: string): [path: string, schema: OpenAPISchema][] {
  const below = Object.entries(schema.properties ?? {}).map(([name, field]) => [`${path}.${name}`, field] as const);
  const { items, additionalProperties } = schema;
  return [
    ...below.flatMap(([at, field]): [string, OpenAPISchema][] => [[at, field], ...fields(field, at)]),
    ...(items === undefined ? [] : fields(items, `${path}[]`)),
    ...(additionalProperties === undefined ? [] : fields(additionalProperties, `${path}{}`)),
  ];
}

describe.each(kinds.map(each => [each.kind, each] as const))('%s', (kind, { schema }) => {
  const all = fields(schema, kind).filter(([path]) => !path.startsWith(`${kind}.metadata`));

  test('describes every field with a sentence', () => {
    expect(all.length).toBeGreaterThan(15);
    const bare = all.filter(([, { description = '' }]) => !/^\S.{9,}[.]$/s.test(description));
    expect(bare.map(([path]) => path)).toEqual([]);
  });

  test('names the default of every field that has one', () => {
    const silent = all.filter(([, field]) => {
      const value = 'default' in field ? field.default : undefined;
      return value !== undefined && typeof value !== 'object' && !field.description?.includes(String(value));
    });
    expect(silent.map(([path]) => path)).toEqual([]);
  });

  test('bounds every string, list and map, so that rules stay cheap and objects small', () => {
    const unbounded = all.filter(([path, field]) => {
      if (/^\w+\.(apiVersion|kind)$/.test(path)) return false;
      if (field.type === 'array') return !('maxItems' in field);
      if (field.additionalProperties !== undefined) return !('maxProperties' in field);
      return field.type === 'string' && !('maxLength' in field || 'enum' in field || 'format' in field);
    });
    expect(unbounded.map(([path]) => path)).toEqual([]);
  });
});
