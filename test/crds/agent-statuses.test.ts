import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import * as yaml from 'js-yaml';

const ROOT = join(import.meta.dirname, '..', '..');
const read = (...path: string[]) => yaml.loadAll(readFileSync(join(ROOT, ...path), 'utf8'));

interface Policy {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly variables: readonly { readonly name: string; readonly expression: string }[] };
}
interface Definition {
  readonly spec: {
    readonly versions: readonly {
      readonly schema: {
        readonly openAPIV3Schema: { readonly properties: { readonly status: { readonly properties: object } } };
      };
    }[];
  };
}

test('an agent that changes the ledger of a Project by patch changes no other field of its status', () => {
  const policies = read('manifests', 'policies', 'agent.yaml') as Policy[];
  const { spec } = policies.find(({ metadata }) => metadata.name === 'paddock-agent-statuses') ?? {};
  const { expression = '' } = spec?.variables.find(({ name }) => name === 'isLedger') ?? {};
  const named = [...expression.matchAll(/'([a-zA-Z]+)'/g)]
    .map(([, field]) => field)
    .filter(each => each !== 'projects');
  const [definition] = read('crds', 'paddock.dev_projects.yaml') as Definition[];
  const fields = Object.keys(definition?.spec.versions[0]?.schema.openAPIV3Schema.properties.status.properties ?? {});
  expect([...named, 'quota'].sort()).toEqual(fields.sort());
});
