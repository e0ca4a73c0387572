import { expect, test } from '@jest/globals';
import type { AdminRequest } from '../control-plane/admin-client.ts';
import { undiscoveredParameters } from './policy-parameters.ts';

const REFUSAL =
  "ValidatingAdmissionPolicy 'paddock-namespace-deletion' denied request: failed to configure policy: failed to find " +
  "resource referenced by paramKind: 'paddock.dev/v1alpha1, Kind=Cluster'";

/** An API server that answers each method with this text. */
function hubThatSays(texts: Readonly<Record<string, string>>) {
  const asked: AdminRequest[] = [];
  const request = async (question: AdminRequest) => {
    asked.push(question);
    return { status: 403, text: texts[question.method ?? 'GET'] ?? '' };
  };
  return { asked, hub: { api: { request } } };
}

test('a kind that is not discovered is named; a refusal by the policy itself is none', async () => {
  const { hub } = hubThatSays({
    DELETE: JSON.stringify({ kind: 'Status', message: REFUSAL }),
    POST: JSON.stringify({ kind: 'Status', message: 'spec.roleTemplateName "cluster-read-only" must not be locked' }),
  });
  expect(await undiscoveredParameters(hub, 'local')).toEqual(['Cluster']);
});

test('it asks about the namespace of the cluster, and changes nothing', async () => {
  const { hub, asked } = hubThatSays({});
  expect(await undiscoveredParameters(hub, 'edge-1')).toEqual([]);
  expect(asked.map(({ path }) => path)).toEqual([
    '/api/v1/namespaces/c-edge-1?dryRun=All',
    '/apis/paddock.dev/v1alpha1/namespaces/c-edge-1/roletemplatebindings?dryRun=All',
  ]);
});
