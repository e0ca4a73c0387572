import { LABEL_PROJECT } from '#api';
import { Namespaces } from '#runtime';
import { ClusterRoleBindings, ClusterRoles } from '../../operators/engagement/rbac-kinds.ts';
import { patch } from '../integration/agent-requests.ts';
import { NAMESPACES, type Rule } from '../integration/policy-hub.ts';
import { AccessFleet, user } from '../support/access-fleet.ts';
import type { Person } from '../support/person.ts';
import { enforced, policiesOnEdge } from './guard.ts';

export const ENFORCE = 'pod-security.kubernetes.io/enforce';

/** Everything on namespaces by RBAC, on every path, so that only the policies refuse. */
export const ON_NAMESPACES: Rule = {
  apiGroups: [''],
  resources: ['namespaces', 'namespaces/status', 'namespaces/finalize'],
  verbs: ['*'],
};

export const relabel = (namespace: string, project: string | null, path = '') =>
  patch(`${NAMESPACES}/${namespace}${path}`, { metadata: { labels: { [LABEL_PROJECT]: project } } });

/** A cluster edge-1 with our operators and policies, projects blue and red with a namespace each, and owners of them. */
export interface PeopledCluster {
  readonly fleet: AccessFleet;
  /** Owns project blue. */
  readonly olga: Person;
  /** Owns project red. */
  readonly rita: Person;
  /** Writes namespaces by plain RBAC, and has nothing of Paddock's. */
  readonly nell: Person;
}

export async function startPeopledCluster(): Promise<PeopledCluster> {
  const fleet = await AccessFleet.start();
  await policiesOnEdge(fleet.fleet);
  for (const project of ['blue', 'red']) await fleet.project(project, [`${project}-1`]);
  const owner = async (name: string, project: string) => {
    await fleet.bind(name, 'project-owner', [user(name)], { project });
    const person = fleet.person(name);
    await fleet.until(true, person, 'get secrets', `${project}-1`);
    await fleet.until(true, person, `manage-namespaces projects.paddock.dev ${project}`);
    return person;
  };
  const [olga, rita] = [await owner('olga', 'blue'), await owner('rita', 'red')];
  const nell = fleet.person('nell');
  await giveEverywhere(fleet, nell, [ON_NAMESPACES]);
  await fleet.until(true, nell, 'patch namespaces');
  const create = { metadata: { name: 'probe', labels: { [LABEL_PROJECT]: 'blue' } } };
  const security = patch(`${NAMESPACES}/blue-1`, { metadata: { labels: { [ENFORCE]: 'privileged' } } });
  for (const request of [
    relabel('blue-1', 'red'),
    security,
    { method: 'POST', path: NAMESPACES, body: create } as const,
  ])
    await enforced({ who: nell, request });
  return { fleet, olga, rita, nell };
}

/** Plain RBAC, as the administrator of the cluster gives it. */
export async function giveEverywhere(fleet: AccessFleet, { name }: Person, rules: readonly Rule[]): Promise<void> {
  const metadata = { name: `plain-${name.replaceAll(':', '-')}` };
  await fleet.downstream.create(ClusterRoles, {}, { metadata, rules });
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: metadata.name };
  const subjects = [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name } as const];
  await fleet.downstream.create(ClusterRoleBindings, {}, { metadata, roleRef, subjects });
}

/** As the administrator, who has all projects. */
export async function moveBack(fleet: AccessFleet, namespace: string, project: string | null): Promise<void> {
  await fleet.downstream.mergePatch(
    Namespaces,
    { name: namespace },
    { metadata: { labels: { [LABEL_PROJECT]: project } } },
  );
}
