import { field, secretValue, textField } from './answers.ts';

/** What comes next until a cluster's agent can be run. */
export type JoinStep =
  /** `why` completes the sentence "the cluster can't be joined yet: …". */
  | { readonly kind: 'wait'; readonly why: string }
  | { readonly kind: 'apply'; readonly manifest: string }
  | { readonly kind: 'run' }
  /** Somebody has changed the Cluster's connection: it has no agent now. */
  | { readonly kind: 'none' };

export interface JoinState {
  /** Of the cluster. */
  readonly name: string;
  readonly cluster: unknown;
  /** The Secret `registration` in the hub. */
  readonly offered: unknown;
  /** The Secret that a manifest has made downstream. */
  readonly applied: unknown;
}

/** A manifest is applied once: the agent's credential, which it keeps downstream, goes on after that. */
export function joinStep({ name, cluster, offered, applied }: JoinState): JoinStep {
  if (field(cluster, 'spec', 'connection', 'agent') === undefined) return { kind: 'none' };
  const where = `Secret c-${name}/registration`;
  const present = secretValue(applied, 'token-id');
  if (textField(offered, 'metadata', 'annotations', 'paddock.dev/spent') !== undefined) {
    if (present !== undefined) return { kind: 'run' };
    return {
      kind: 'wait',
      why: `the manifest of ${where} was used, but not here: delete that Secret to get a new one`,
    };
  }
  const id = textField(offered, 'metadata', 'annotations', 'paddock.dev/token-id');
  const manifest = secretValue(offered, 'agent.yaml');
  if (id === undefined || manifest === undefined) return { kind: 'wait', why: `${where} has no manifest yet` };
  return present === id ? { kind: 'run' } : { kind: 'apply', manifest };
}
