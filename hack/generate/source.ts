import { compile, type JSONSchema, type Options } from 'json-schema-to-typescript';
import type { Kind } from './crd.ts';
import { type Borrowed, conditionSchema, kindSchema } from './schema.ts';

const NOTICE = '// Generated from crds/ by hack/generate. Do not edit: change the CRD and run it again.';

const OPTIONS: Partial<Options> = {
  additionalProperties: false,
  enableConstEnums: false,
  ignoreMinAndMaxItems: true,
  strictIndexSignatures: false,
  unknownAny: true,
  style: { singleQuote: true, printWidth: 120, bracketSpacing: true, arrowParens: 'avoid', trailingComma: 'all' },
};

/** The source of every generated file by its name: one a kind, the conditions they share, and an index. */
export async function sources(kinds: readonly Kind[]): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  files.set('condition.ts', await types(conditionSchema(kinds), 'Condition', []));
  for (const kind of kinds) files.set(`${kind.kind.toLowerCase()}.ts`, await kindSource(kind));
  const exports = [...files.keys()].map(file => `export * from './${file}';`);
  files.set('index.ts', `${[NOTICE, '', ...exports].join('\n')}\n`);
  return files;
}

async function kindSource(kind: Kind): Promise<string> {
  const { schema, borrowed } = kindSchema(kind);
  return (await types(schema, kind.kind, imports(borrowed))) + resourceType(kind);
}

function types(schema: JSONSchema, name: string, header: readonly string[]): Promise<string> {
  return compile(schema, name, { ...OPTIONS, bannerComment: [NOTICE, ...header].join('\n') });
}

function imports(borrowed: ReadonlySet<Borrowed>): string[] {
  const meta = ['LabelSelector', 'ObjectMeta'].filter(name => [...borrowed].some(each => each === name));
  return [
    `import type { ResourceType } from '#runtime';`,
    `import type { ${meta.join(', ')} } from 'kubernetes-types/meta/v1.d.ts';`,
    ...(borrowed.has('Condition') ? [`import type { Condition } from './condition.ts';`] : []),
  ];
}

function resourceType({ group, version, kind, plural, namespaced }: Kind): string {
  return `
/** Where {@link ${kind}} objects live in the API. */
export const ${kind}Resource: ResourceType<${kind}> = {
  group: '${group}',
  version: '${version}',
  kind: '${kind}',
  plural: '${plural}',
  namespaced: ${namespaced},
};
`;
}
