import { type Client, type JsonPatchOperation, jsonEqual, type KubeObject, keyOf, type ResourceType } from '#runtime';

export interface OwnedFields {
  /** The status as its owner applied it. */
  readonly status: object;
  /** The fields of the status that nobody but the owner writes. */
  readonly fields: readonly string[];
  readonly signal: AbortSignal;
}

/**
 * Puts right what another field manager has written into fields of a status that are not its own: what the owner leaves
 * out, an apply leaves to the other. `written` is the object as the owner's apply has just left it.
 */
export async function dropForeignFields(
  client: Client,
  type: ResourceType,
  written: KubeObject,
  { status, fields, signal }: OwnedFields,
): Promise<void> {
  const actual: unknown = Reflect.get(written, 'status');
  const patch = fields.flatMap((field): JsonPatchOperation[] => {
    const [is, wanted] = [actual, status].map(of => Reflect.get(Object(of), field));
    if (is === undefined || jsonEqual(is, wanted)) return [];
    const path = `/status/${field}`;
    return [wanted === undefined ? { op: 'remove', path } : { op: 'replace', path, value: wanted }];
  });
  if (patch.length === 0) return;
  const version = {
    op: 'replace',
    path: '/metadata/resourceVersion',
    value: written.metadata?.resourceVersion,
  } as const;
  await client.jsonPatch(type, keyOf(written), [version, ...patch], { signal, subresource: 'status' });
}
