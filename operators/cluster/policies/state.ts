import type { Problem } from '../../engagement/heartbeat.ts';
import type { Answer, ProofState } from './proofs.ts';

/** `inPlace` where the policies are installed and proven, or why they are not; undefined before that is known. */
export type PoliciesState = 'inPlace' | Problem | undefined;

const UNTIL =
  'until it is proven, nothing that they guard is given: no right on namespaces by a project, no account; it is tried again with the next heartbeats';

/** Of policies that are installed: what it means whether the cluster enforces them; undefined while that is not known. */
export function proofProblem(state: ProofState, howToGrant: string): PoliciesState {
  switch (state.kind) {
    case 'unknown':
      return undefined;
    case 'enforced':
      return 'inPlace';
    case 'passed':
      return problem(
        `the API server of the cluster does not enforce ValidatingAdmissionPolicy: a dry run of what ${state.policies.join(', ')} must refuse was let through; see its flags --feature-gates, --enable-admission-plugins, --disable-admission-plugins and --runtime-config (admissionregistration.k8s.io/v1)`,
      );
    case 'unproven':
      return problem(
        `whether the cluster enforces its admission policies is not proven: ${unproven(state.answers, howToGrant)}`,
      );
  }
}

function problem(what: string): Problem {
  return { reason: 'PoliciesNotInstalled', message: `${what}; ${UNTIL}`, terminal: false };
}

/** By what was answered, so that one cause is named once. */
function unproven(answers: ReadonlyMap<string, Answer>, howToGrant: string): string {
  const policies = new Map<string, string[]>();
  const forbidden = new Set<string>();
  for (const [policy, answer] of answers) {
    if (typeof answer === 'string') continue;
    policies.set(answer.error, [...(policies.get(answer.error) ?? []), policy]);
    if (answer.forbidden) forbidden.add(answer.error);
  }
  const causes = [...policies].map(([error, names]) => {
    const advice = forbidden.has(error) ? `: ${howToGrant}` : '';
    return `the dry run for ${names.join(', ')} is answered: ${error.slice(0, LONGEST_ERROR)}${advice}`;
  });
  return causes.join('; ');
}

const LONGEST_ERROR = 300;
