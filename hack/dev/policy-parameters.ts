import type { AdminClient, AdminRequest } from '../control-plane/admin-client.ts';

/** What an API server says of a policy's parameters before it has discovered their kind. */
const UNDISCOVERED = /failed to find resource referenced by paramKind: '[^']*Kind=([A-Za-z]+)'/;

/** Requests that policies with parameters are asked about, and that change nothing. */
function questions(cluster: string): AdminRequest[] {
  const namespace = `c-${cluster}`;
  const binding = {
    apiVersion: 'paddock.dev/v1alpha1',
    kind: 'RoleTemplateBinding',
    metadata: { generateName: 'question-' },
    spec: {
      roleTemplateName: 'cluster-read-only',
      scope: { cluster: { name: cluster } },
      subjects: [{ kind: 'User', name: 'nobody' }],
    },
  };
  const bindings = `/apis/paddock.dev/v1alpha1/namespaces/${namespace}/roletemplatebindings`;
  return [
    { method: 'DELETE', path: `/api/v1/namespaces/${namespace}?dryRun=All` },
    { method: 'POST', path: `${bindings}?dryRun=All`, body: binding },
  ];
}

/**
 * The kinds of ours whose objects are parameters of admission policies and that the hub has yet to discover: it then
 * refuses all that these policies are asked about. An API server looks for kinds when it starts, possibly before it
 * serves those of CRDs, and then every 30 s. Asked with a Cluster that has its namespace.
 */
export async function undiscoveredParameters(
  { api }: { readonly api: Pick<AdminClient, 'request'> },
  cluster: string,
): Promise<string[]> {
  const asked = questions(cluster).map(async question => {
    const { text } = await api.request(question);
    return UNDISCOVERED.exec(text)?.[1] ?? [];
  });
  return (await Promise.all(asked)).flat();
}
