import type { KubeObject, ResourceType } from '#runtime';

const core = (kind: string, plural: string) => ({ group: '', version: 'v1', kind, plural, namespaced: true });

/** A Secret as a write names it; its content is never read back. */
export interface SecretIntent extends KubeObject {
  readonly type?: string;
  readonly data?: Readonly<Record<string, string>>;
}
export const SecretIntents: ResourceType<SecretIntent> = core('Secret', 'secrets');

/** The ServiceAccount that an agent is in the hub. */
export const AGENT_ACCOUNT = 'agent';
/** The ServiceAccount whose token a manifest carries: good only for asking a token of {@link AGENT_ACCOUNT}. */
export const REGISTRATION_ACCOUNT = 'registration';
/** The Secret with the manifest; the token in the manifest dies with it. */
export const REGISTRATION_SECRET = 'registration';
/** The Secret that an agent's tokens are bound to: deleting it revokes them. Holds nothing. */
export const CREDENTIAL_SECRET = 'agent-credential';
