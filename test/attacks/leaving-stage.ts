import { expect } from '@jest/globals';
import { ANNOTATION_OWN_POD_SECURITY, LABEL_OWNER, LABEL_PROJECT, ProjectResource } from '#api';
import { isConditionTrue, Namespaces } from '#runtime';
import { LimitRanges, NetworkPolicies, ResourceQuotas } from '../../operators/engagement/policy-kinds.ts';
import { isAccepted } from '../integration/policy-hub.ts';
import { AccessFleet, user } from '../support/access-fleet.ts';
import { namespaceGone, namespaceThat } from '../support/cluster-objects.ts';
import { eventually, eventuallyPasses } from '../support/eventually.ts';
import { aNode, NodeType, PodType } from '../support/nodes.ts';
import type { Person } from '../support/person.ts';
import { type Attacker, adminOf, policiesOnEdge } from './guard.ts';
import { type Id, LEAVING, PEOPLE, type Target, type Way, type Who } from './leaving.ts';
import { ENFORCE, giveEverywhere } from './peopled-cluster.ts';
import { C } from './peopled-hub.ts';
import { LINGERS, plant, yieldsNothing } from './planted.ts';

const WITHIN = { timeoutMs: 30_000 };
const SECURITY = { enforce: 'baseline', audit: 'restricted', version: 'v1.30' } as const;
const IN_FORCE = {
  [ENFORCE]: 'baseline',
  [`${ENFORCE}-version`]: 'v1.30',
  'pod-security.kubernetes.io/audit': 'restricted',
  'pod-security.kubernetes.io/audit-version': 'v1.30',
};
export const TIGHT = {
  podSecurity: SECURITY,
  namespaceLabels: { team: 'tight' },
  resourceQuota: { hard: { pods: '1000' }, namespaceDefault: { pods: '20' } },
  containerDefaults: { limits: { cpu: '1' } },
  networkIsolation: { enabled: true },
} as const;
export const LIMITS = [LimitRanges, NetworkPolicies, ResourceQuotas];

type Names = Readonly<Record<Exclude<Who, 'administrator'>, string>>;
const NAMES: Names = {
  'project owner': 'olga',
  'project member': 'mia',
  'owner of both projects': 'otto',
  'cluster member': 'clara',
  'cluster owner': 'cora',
  'plain `update namespaces`': 'nell',
};

export const projectKey = (name: string) => ({ namespace: C, name });

/** A cluster, the people, project `weak`, and projects with all limits, each with a namespace, to be left. */
export class LeavingStage {
  readonly fleet: AccessFleet;
  readonly #people: Readonly<Record<Way['at'], ReadonlyMap<Who, Person>>>;

  private constructor(fleet: AccessFleet) {
    this.fleet = fleet;
    const known = Object.entries(NAMES) as [Who, string][];
    this.#people = {
      cluster: new Map(known.map(([who, name]) => [who, fleet.person(name)])),
      hub: new Map(known.map(([who, name]) => [who, fleet.personInHub(name)])),
    };
  }

  static async start(): Promise<LeavingStage> {
    const stage = new LeavingStage(await AccessFleet.start());
    const { fleet } = stage;
    await policiesOnEdge(fleet.fleet);
    await fleet.downstream.create(NodeType, {}, aNode('node-1')); // so that a DaemonSet makes a Pod
    await fleet.bind('cora', 'cluster-owner', [user('cora')]);
    await fleet.bind('clara', 'cluster-member', [user('clara')]);
    const plain = { apiGroups: [''], resources: ['namespaces'], verbs: ['get', 'list', 'update', 'patch'] };
    await giveEverywhere(fleet, stage.person('plain `update namespaces`'), [plain]);
    await fleet.project('weak', [], { networkIsolation: { enabled: true }, resourceQuota: TIGHT.resourceQuota });
    await fleet.bind('otto', 'project-owner', [user('otto')], { project: 'weak' });
    await fleet.until(true, stage.person('cluster owner'), 'patch namespaces');
    await fleet.until(true, stage.person('cluster member'), 'list namespaces');
    await fleet.until(true, stage.person('owner of both projects'), 'manage-namespaces projects.paddock.dev weak');
    await fleet.until(true, stage.person('cluster owner', 'hub'), 'delete projects.paddock.dev', C);
    await fleet.until(true, stage.person('cluster member', 'hub'), 'create projects.paddock.dev', C);
    return stage;
  }

  person(who: Who, at: Way['at'] = 'cluster'): Person {
    const person = this.#people[at].get(who);
    if (!person) throw new Error(`${who} is nobody in particular`);
    return person;
  }

  get olga(): Person {
    return this.person('project owner');
  }

  get sites() {
    return { hub: this.fleet.fleet.hub, cluster: this.fleet.fleet.edge() };
  }

  /** Somebody, at one of the sites. */
  as(who: Who, at: Way['at']): Attacker {
    return who === 'administrator' ? adminOf(this.sites[at]) : this.person(who, at);
  }

  /** A project with all limits and a namespace, with its people. */
  async given(id: string): Promise<Target> {
    const target = { project: `tight-${id}`, namespace: `planted-${id}`, absent: `later-${id}` };
    const { project, namespace } = target;
    await this.fleet.project(project, [namespace], TIGHT);
    const owners = [user('olga'), user('otto')];
    await this.fleet.bind(`${project}-owners`, 'project-owner', owners, { project });
    await this.fleet.bind(`${project}-members`, 'project-member', [user('mia')], { project });
    await this.isHers(namespace);
    for (const who of ['project owner', 'owner of both projects'] as const)
      await this.fleet.until(true, this.person(who), `manage-namespaces projects.paddock.dev ${project}`);
    await this.fleet.until(true, this.person('project member'), 'create pods', namespace);
    return target;
  }

  /** As `given`, where olga has planted what is refused so far. */
  async planted(id: string): Promise<Target> {
    const target = await this.given(id);
    await plant(this.olga.client, target.namespace);
    return target;
  }

  /** The namespace has the limits of its project, and olga has her rights there. */
  async isHers(namespace: string): Promise<void> {
    await this.fleet.until(true, this.olga, 'create deployments.apps', namespace);
    await this.untilLimits(namespace, LIMITS.length);
  }

  /** It is carried out by the first of the people to whom it is allowed. */
  async carryOut(id: Id, target: Target): Promise<void> {
    const { at, answers, request }: Way = LEAVING[id];
    const who = PEOPLE[answers.indexOf('allowed')];
    if (who === undefined) throw new Error(`nobody may: ${LEAVING[id].way}`);
    const attempt = async () => isAccepted(await this.as(who, at).send(request(target)));
    await eventuallyPasses(attempt, { ...WITHIN, what: `it is accepted of ${who} that ${LEAVING[id].way}` });
  }

  async deleteProject(name: string): Promise<void> {
    await this.fleet.hub.delete(ProjectResource, projectKey(name));
  }

  /** The Project goes without its operator. */
  async lose(target: Target): Promise<void> {
    await this.deleteProject(target.project);
    await this.carryOut('lost', target);
    await eventually(async () => !(await this.fleet.hub.find(ProjectResource, projectKey(target.project))), {
      ...WITHIN,
      what: `Project ${target.project} is gone`,
    });
  }

  async untilReady(project: string): Promise<void> {
    const isReady = async () => {
      const { status } = await this.fleet.hub.get(ProjectResource, projectKey(project));
      return isConditionTrue(status?.conditions, 'Ready');
    };
    await eventually(isReady, { ...WITHIN, what: `Project ${project} is ready` });
  }

  async relabel(namespace: string, project: string | null): Promise<void> {
    const labels = { [LABEL_PROJECT]: project };
    await this.fleet.downstream.mergePatch(Namespaces, { name: namespace }, { metadata: { labels } });
  }

  /** Whose limits are in a namespace. */
  async limitsIn(namespace: string): Promise<(string | undefined)[]> {
    const find = LIMITS.map(type => this.fleet.downstream.find(type, { namespace, name: 'paddock' }));
    return (await Promise.all(find)).flatMap(each => (each ? [each.metadata?.labels?.[LABEL_OWNER]] : []));
  }

  async untilLimits(namespace: string, count: number): Promise<void> {
    const what = `${namespace} has ${count} limits`;
    await eventuallyPasses(async () => expect(await this.limitsIn(namespace)).toHaveLength(count), { ...WITHIN, what });
  }

  /**
   * Nothing of ours is left but the levels that were in force, as the namespace's own, and nothing planted gets a Pod.
   * `label` is what it says of a project.
   */
  async isLeftSafe(namespace: string, label = ''): Promise<void> {
    await this.keepsLevels(namespace);
    await this.isLeft(namespace, label);
    await yieldsNothing(this.fleet.downstream, namespace);
  }

  async keepsLevels(namespace: string): Promise<void> {
    await namespaceThat(this.fleet.downstream, namespace, ({ metadata }) =>
      expect(metadata?.labels).toMatchObject(IN_FORCE),
    );
  }

  /** Nothing of ours is left, levels aside. */
  async isLeft(namespace: string, label = ''): Promise<void> {
    await namespaceThat(this.fleet.downstream, namespace, ({ metadata }) => {
      expect(metadata?.labels?.[LABEL_PROJECT] ?? '').toBe(label);
      expect(metadata?.labels?.team).toBeUndefined();
      expect(metadata?.annotations?.[ANNOTATION_OWN_POD_SECURITY]).toBeUndefined();
    });
    await this.isNobodys(namespace);
  }

  /** Nobody has rights by the project, and so many limits are left. */
  async isNobodys(namespace: string, limits = 0): Promise<void> {
    await this.untilLimits(namespace, limits);
    for (const who of ['project owner', 'project member', 'owner of both projects'] as const)
      await this.fleet.until(false, this.person(who), 'create pods', namespace);
  }

  /** Everything that was the project's is there still, and what was planted gets no Pod. */
  async isAsItWas({ namespace, project }: Target): Promise<void> {
    const { metadata } = await this.fleet.downstream.get(Namespaces, { name: namespace });
    expect(metadata?.labels).toMatchObject({ ...IN_FORCE, team: 'tight', [LABEL_PROJECT]: project });
    expect(await this.limitsIn(namespace)).toEqual(LIMITS.map(() => `project.${project}`));
    expect(await this.olga.may('create pods', namespace)).toBe(true);
    await yieldsNothing(this.fleet.downstream, namespace);
  }

  /** The namespace is going: nothing is made in it any more, its levels stand, and it is gone when nothing holds it. */
  async isGoing(namespace: string): Promise<void> {
    const { downstream } = this.fleet;
    await namespaceThat(downstream, namespace, ({ metadata }) => {
      expect(metadata?.deletionTimestamp).toBeDefined();
      expect(metadata?.labels).toMatchObject(IN_FORCE);
    });
    await expect(downstream.create(PodType, { namespace }, { metadata: { name: 'late' } })).rejects.toThrow(
      /is being terminated/,
    );
    await downstream.mergePatch(PodType, { namespace, name: LINGERS }, { metadata: { finalizers: null } });
    await namespaceGone(downstream, namespace);
  }
}
