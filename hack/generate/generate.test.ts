import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Kind, OpenAPISchema } from './crd.ts';
import { generate, TARGETS } from './main.ts';
import { policySources } from './policies.ts';
import { sources } from './source.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

describe('the generated files', () => {
  let output: string;
  let wanted: ReadonlyMap<string, string>;

  beforeAll(async () => {
    output = await mkdtemp(join(tmpdir(), 'paddock-generate-'));
    const [types] = TARGETS;
    await cp(join(ROOT, types.to), output, { recursive: true });
    wanted = await types.make(join(ROOT, types.from));
  });
  afterAll(() => rm(output, { recursive: true }));

  test.each(TARGETS)(
    'of the repository in $to are those of $from; otherwise run "node hack/generate/main.ts"',
    async ({ from, to, make }) => {
      expect(await generate({ wanted: await make(join(ROOT, from)), output: join(ROOT, to), check: true })).toEqual([]);
    },
  );

  test('that differ, lack or are left over are named by a check and mended without it', async () => {
    const cluster = await readFile(join(output, 'cluster.ts'), 'utf8');
    await writeFile(join(output, 'cluster.ts'), `${cluster}// edited\n`);
    await writeFile(join(output, 'gone.ts'), '');
    await rm(join(output, 'project.ts'));
    const differing = ['cluster.ts', 'gone.ts', 'project.ts'];
    expect((await generate({ wanted, output, check: true })).sort()).toEqual(differing);
    expect((await generate({ wanted, output, check: false })).sort()).toEqual(differing);
    expect(await generate({ wanted, output, check: true })).toEqual([]);
    expect(await readFile(join(output, 'cluster.ts'), 'utf8')).toBe(cluster);
  });
});

describe('a policy for downstreams', () => {
  const API = 'apiVersion: admissionregistration.k8s.io/v1';
  const PROBE = 'method: POST\npath: /api/v1/pods\nbody: {}\nrules: []\n';
  const policy = (name: string, probe = PROBE) =>
    `${API}\nkind: ValidatingAdmissionPolicy\nmetadata: {name: ${name}, annotations: {paddock.dev/probe: ${JSON.stringify(probe)}}}\nspec: {matchConstraints: {resourceRules: [{resources: [pods]}]}}\n`;
  const binding = (name: string, of = name) =>
    `${API}\nkind: ValidatingAdmissionPolicyBinding\nmetadata: {name: ${name}}\nspec: {policyName: ${of}}\n`;
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'paddock-policies-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function source(...documents: readonly string[]): Promise<string> {
    await writeFile(join(folder, 'all.yaml'), documents.join('---\n'));
    return (await policySources(folder)).get('downstream.ts') ?? '';
  }

  test('comes before every binding, with what the API server would fill in', async () => {
    const text = await source(binding('paddock-a'), policy('paddock-a'));

    expect(text.indexOf('"ValidatingAdmissionPolicy"')).toBeLessThan(
      text.indexOf('"ValidatingAdmissionPolicyBinding"'),
    );
    for (const filled of ['"scope": "*"', '"matchPolicy": "Equivalent"', '"namespaceSelector": {}'])
      expect(text).toContain(filled);
  });

  test.each([
    ['a name that is not reserved', [policy('membership')], 'begin it with paddock-'],
    [
      'a probe that has no rules',
      [policy('paddock-a', 'method: POST\npath: /api\nbody: {}\n')],
      'needs the annotation',
    ],
    ['no probe', [policy('paddock-a').replace('paddock.dev/probe', 'other')], 'needs the annotation'],
    ['something else', ['apiVersion: v1\nkind: ConfigMap\n'], 'move anything else elsewhere'],
    ['a binding without its policy', [policy('paddock-a'), binding('paddock-b')], 'paddock-b must be of the policy'],
    [
      'a binding of another policy',
      [policy('paddock-a'), binding('paddock-a', 'x')],
      'paddock-a must be of the policy',
    ],
  ])('is not made of %s', async (_what, documents, message) => {
    await expect(source(...documents)).rejects.toThrow(message);
  });
});

describe('a field becomes', () => {
  const condition: OpenAPISchema = { type: 'object', properties: { type: { type: 'string' } }, required: ['type'] };
  const conditions: OpenAPISchema = { type: 'array', items: condition };

  async function source(properties: Record<string, OpenAPISchema>, required: string[] = []): Promise<string> {
    const kind: Kind = {
      group: 'example.com',
      version: 'v1',
      kind: 'Thing',
      plural: 'things',
      namespaced: true,
      schema: {
        type: 'object',
        properties: {
          spec: { type: 'object', properties, required },
          status: { type: 'object', properties: { conditions } },
        },
      },
    };
    return (await sources([kind])).get('thing.ts') ?? '';
  }

  test.each<[string, OpenAPISchema, string]>([
    ['a quantity', { 'x-kubernetes-int-or-string': true }, 'field?: number | string;'],
    ['a time', { type: 'string', nullable: false }, 'field?: string;'],
    ['a nullable string', { type: 'string', nullable: true }, 'field?: string | null;'],
    ['an enum', { type: 'string', enum: ['A', 'B'] }, "field?: 'A' | 'B';"],
    ['a nullable enum', { type: 'string', enum: ['A'], nullable: true }, "field?: 'A' | null;"],
    ['a number', { type: 'integer' }, 'field?: number;'],
    ['a list', { type: 'array', items: { type: 'string' } }, 'field?: string[];'],
    ['a map', { type: 'object', additionalProperties: { type: 'string' } }, '[k: string]: string;'],
    ['an object of its own', { type: 'object', properties: { a: { type: 'string' } } }, 'field?: ThingField;'],
    [
      'a label selector',
      { type: 'object', properties: { matchLabels: { type: 'object' }, matchExpressions: { type: 'array' } } },
      'field?: LabelSelector;',
    ],
  ])('%s', async (_, schema, expected) => {
    expect(await source({ field: schema })).toContain(expected);
  });

  test('optional unless required', async () => {
    expect(await source({ field: { type: 'string' } }, ['field'])).toContain('field: string;');
  });

  test('documented, whatever its description holds', async () => {
    const text = await source({ field: { type: 'string', description: 'Takes requests.*/limits.* and more.' } });
    expect(text).toContain('Takes requests.*\\/limits.* and more.');
  });

  test('an object beside its resource type', async () => {
    const text = await source({});
    expect(text).toContain("apiVersion: 'example.com/v1';");
    expect(text).toContain('metadata: ObjectMeta;');
    expect(text).toContain('conditions?: Condition[];');
    expect(text).toContain('export const ThingResource: ResourceType<Thing> = {');
  });
});
