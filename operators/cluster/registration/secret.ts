import { clusterNamespace } from '#api';
import type { KubeObject } from '#runtime';
import { REGISTRATION_SECRET } from './kinds.ts';

/** On the Secret `registration`: the id of the token in its manifest, and when that token ends. */
export const ANNOTATION_TOKEN_ID = 'paddock.dev/token-id';
export const ANNOTATION_EXPIRES_AT = 'paddock.dev/expires-at';
/** On the Secret `registration`: the Secret `agent-credential` that the manifest names. */
export const ANNOTATION_CREDENTIAL_UID = 'paddock.dev/credential-uid';
/** On a Secret `registration` that holds no manifest any more: why. */
export const ANNOTATION_SPENT = 'paddock.dev/spent';
/** On a Lease `registration-<token id>`: the kube-system uid of a second cluster that used the token. */
export const ANNOTATION_REUSED_BY = 'paddock.dev/reused-by';
/** On such a Lease: what both clusters got was revoked. */
export const ANNOTATION_REVOKED = 'paddock.dev/revoked';
/**
 * A label on a Lease `registration-<token id>`: that id. An annotation on `c-<cluster>`: that of the manifest which was
 * issued last; a policy lets an agent make no other such Lease.
 */
export const LABEL_REGISTRATION = 'paddock.dev/registration';

/** Why a registration Secret holds no manifest. */
export type Spent = 'Used' | 'Reused';

/** How it stands with the Secret `registration`, by its metadata alone: its content is never read back. */
export type RegistrationState =
  | { readonly kind: 'absent' }
  /** It is being deleted, so that its name is not free yet. */
  | { readonly kind: 'terminating' }
  /** Made, and the manifest not put into it yet. */
  | { readonly kind: 'empty'; readonly uid: string }
  | {
      readonly kind: 'waiting';
      readonly uid: string;
      readonly tokenId: string;
      readonly expiresAt: string;
      readonly credentialUid: string | undefined;
    }
  | { readonly kind: 'spent'; readonly why: Spent };

export function registrationState(secret: KubeObject | undefined): RegistrationState {
  if (!secret) return { kind: 'absent' };
  const { uid = '', annotations = {}, deletionTimestamp } = secret.metadata ?? {};
  if (deletionTimestamp) return { kind: 'terminating' };
  const why = annotations[ANNOTATION_SPENT];
  if (why === 'Used' || why === 'Reused') return { kind: 'spent', why };
  const { [ANNOTATION_TOKEN_ID]: tokenId, [ANNOTATION_EXPIRES_AT]: expiresAt } = annotations;
  if (tokenId === undefined || expiresAt === undefined) return { kind: 'empty', uid };
  return { kind: 'waiting', uid, tokenId, expiresAt, credentialUid: annotations[ANNOTATION_CREDENTIAL_UID] };
}

/** Whether a Lease tells of a token's second use that nothing was done about yet. */
export function isReuse({ metadata }: KubeObject): boolean {
  const { annotations = {}, deletionTimestamp } = metadata ?? {};
  const told = annotations[ANNOTATION_REUSED_BY] !== undefined && annotations[ANNOTATION_REVOKED] === undefined;
  return told && !deletionTimestamp;
}

/** For the Cluster's status: the manifest that waits to be applied; undefined when there is none. */
export function waitingRegistration(
  secret: KubeObject | undefined,
): { secretRef: { name: string }; expiresAt: string } | undefined {
  const state = registrationState(secret);
  return state.kind === 'waiting'
    ? { secretRef: { name: REGISTRATION_SECRET }, expiresAt: state.expiresAt }
    : undefined;
}

/** What a person does about a registration that can't be used any more. */
export function renewalAdvice(cluster: string): string {
  return `delete Secret ${clusterNamespace(cluster)}/${REGISTRATION_SECRET} to get a new manifest and apply that`;
}
