import { expect } from '@jest/globals';
import { ClusterResource } from '#api';
import { isConditionTrue } from '#runtime';
import { get, post, remove } from '../integration/agent-requests.ts';
import { dryRun, isRefused, RBAC, type Stored } from '../integration/policy-hub.ts';
import { eventually } from '../support/eventually.ts';
import type { Fleet, Site } from '../support/fleet.ts';
import { sendOver, type UserAnswer, type UserRequest } from '../support/token-user.ts';

const WITHIN = { timeoutMs: 30_000 };
const ADMISSION = '/apis/admissionregistration.k8s.io/v1';
const POLICY_BINDINGS = `${ADMISSION}/validatingadmissionpolicybindings`;

/** Resolves when the policies of downstreams are on edge-1; enforced they are a moment later. */
export async function policiesOnEdge({ hub }: Fleet): Promise<void> {
  const isReady = async () => {
    const { status } = await hub.client.get(ClusterResource, { name: 'edge-1' });
    return isConditionTrue(status?.conditions, 'Ready');
  };
  await eventually(isReady, { ...WITHIN, what: 'edge-1 is Ready, which it is with its policies' });
}

export interface Attacker {
  send(request: UserRequest): Promise<UserAnswer>;
}

export interface Attack {
  readonly who: Attacker;
  readonly request: UserRequest;
  /** The policies in its way; of several that refuse the API server names one. */
  readonly guards: readonly string[];
}

/** Waits until a dry run of the attack is refused by a policy: the API server needs a moment for those just made. */
export async function enforced({ who, request }: Pick<Attack, 'who' | 'request'>): Promise<void> {
  await eventually(async () => (await who.send(dryRun(request))).status === 422, {
    ...WITHIN,
    what: `a policy refuses ${request.method} ${request.path}`,
  });
}

/** The attack is refused, and it is these policies that refuse it. */
export async function isStopped({ who, request, guards }: Attack): Promise<void> {
  isRefused(await who.send(dryRun(request)), new RegExp(guards.map(name => `'${name}'`).join('|')));
}

/**
 * The attack is refused by these policies; with them out of the way it succeeds. `gain` shows what the attacker has of
 * it and undoes it; without one the attack is a dry run. Afterwards the policies stand again.
 */
export async function isGuarded(site: Site, attack: Attack, gain?: () => Promise<void>): Promise<void> {
  const { who, request, guards } = attack;
  await isStopped(attack);
  await without(site, guards, async takeAway => {
    const isAccepted = async () => {
      await takeAway(); // an operator that keeps them in place may have brought them back
      return (await who.send(gain ? request : dryRun(request))).status < 300;
    };
    await eventually(isAccepted, {
      ...WITHIN,
      what: `${request.method} ${request.path} is accepted without ${guards.join(' and ')}`,
    });
    await gain?.();
  });
  await enforced(attack);
}

/** What is answered to a request made of what is there; made anew when an operator wrote to it in between. */
export async function answerTo(who: Attacker, make: () => Promise<UserRequest>): Promise<UserAnswer> {
  const attempt = async () => {
    const answer = await who.send(await make());
    return answer.status === 409 ? undefined : answer;
  };
  return await eventually(attempt, { ...WITHIN, what: 'the request is of what is there' });
}

/** Takes policies out of the way for a while. */
export async function without(
  site: Site,
  policies: readonly string[],
  meanwhile: (takeAway: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const taken = await Promise.all(policies.map(name => asAdmin(site, get(`${POLICY_BINDINGS}/${name}`))));
  const takeAway = async () => {
    for (const name of policies) await asAdmin(site, remove(`${POLICY_BINDINGS}/${name}`), 404);
  };
  await takeAway();
  try {
    await meanwhile(takeAway);
  } finally {
    for (const { metadata, ...binding } of taken) {
      const { name, labels, annotations } = metadata;
      const restored = { ...binding, metadata: { name, labels, annotations } };
      await asAdmin(site, post(POLICY_BINDINGS, restored), 409);
    }
  }
}

interface Policies {
  readonly items: readonly { metadata: { name: string }; spec: { failurePolicy: string } }[];
}
interface Bindings {
  readonly items: readonly { spec: { policyName: string; validationActions: string[] } }[];
}

/** The names of our policies on a site, all of which refuse what they can't judge, and refuse instead of warning. */
export async function failingClosed(site: Site): Promise<string[]> {
  const policies = (await asAdmin(site, get(`${ADMISSION}/validatingadmissionpolicies`))) as unknown as Policies;
  const bindings = (await asAdmin(site, get(POLICY_BINDINGS))) as unknown as Bindings;
  const ours = policies.items.filter(({ metadata }) => metadata.name.startsWith('paddock-'));
  for (const { metadata, spec } of ours) {
    const bound = bindings.items.filter(binding => binding.spec.policyName === metadata.name);
    const said = [metadata.name, spec.failurePolicy, ...bound.map(binding => binding.spec.validationActions)];
    expect(said).toEqual([metadata.name, 'Fail', ['Deny']]);
  }
  return ours.map(({ metadata }) => metadata.name);
}

/** The administrator, as one who tries. */
export const adminOf = ({ client }: Site): Attacker => ({ send: request => sendOver(client.transport, request) });

/** Gives plain RBAC on a site, everywhere or in one namespace. */
export async function givePlain(site: Site, name: string, rules: object[], namespace?: string): Promise<void> {
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: `plain-${name}` };
  const subjects = [{ kind: 'User', apiGroup: roleRef.apiGroup, name }];
  const metadata = { name: roleRef.name };
  await asAdmin(site, post(`${RBAC}/clusterroles`, { metadata, rules }));
  const bindings = namespace === undefined ? 'clusterrolebindings' : `namespaces/${namespace}/rolebindings`;
  await asAdmin(site, post(`${RBAC}/${bindings}`, { metadata, roleRef, subjects }));
}

/** What the administrator is answered, for whom no policy stands in the way here; `expected` is no failure either. */
export async function asAdmin({ client }: Site, request: UserRequest, expected?: number): Promise<Stored> {
  const { status, body } = await sendOver(client.transport, request);
  if (status >= 300 && status !== expected)
    throw new Error(`${request.method} ${request.path}: HTTP ${status} ${body}`);
  return JSON.parse(body) as Stored;
}
