import { paddock, post } from '../integration/agent-requests.ts';
import { aBinding, anObject, bindingsIn, PolicyHub } from '../integration/policy-hub.ts';
import { eventually } from '../support/eventually.ts';
import type { Person } from '../support/person.ts';

export const C = 'c-edge-1';
export const BLUE = 'p-edge-1--blue';

/**
 * A hub with clusters edge-1 and edge-2, each with the projects blue and red, where the operator of access gives people
 * the built-in roles. Nobody connects the clusters: what is told here is who has what in the hub.
 */
export class PeopledHub {
  readonly policies: PolicyHub;
  #bindings = 0;

  private constructor(policies: PolicyHub) {
    this.policies = policies;
  }

  static async start(): Promise<PeopledHub> {
    const hub = new PeopledHub(await PolicyHub.start());
    const { policies } = hub;
    for (const cluster of ['edge-1', 'edge-2']) {
      await policies.cluster(cluster);
      for (const project of ['blue', 'red']) {
        await policies.home(cluster, project);
        await policies.make(post(paddock(`c-${cluster}`, 'projects'), anObject('Project', { name: project }, {})));
      }
    }
    policies.fleet.start(['rbac']);
    return hub;
  }

  get site() {
    return this.policies.fleet.hub;
  }

  /** Somebody with a role in edge-1, or in one of its projects, who has it when they may do this. */
  async bound(person: Person, role: string, may: string, { project }: { project?: string } = {}): Promise<Person> {
    const scope =
      project === undefined ? { cluster: { name: 'edge-1' } } : { project: { cluster: 'edge-1', name: project } };
    const name = `given-${++this.#bindings}`;
    const subjects = [{ kind: 'User', name: person.name }];
    await this.policies.make(post(bindingsIn(C), aBinding(role, scope, { name, subjects })));
    await this.until(true, person, may, project === undefined ? C : `p-edge-1--${project}`);
    return person;
  }

  async until(may: boolean, person: Person, deed: string, namespace?: string): Promise<void> {
    await eventually(async () => (await person.may(deed, namespace)) === may, {
      timeoutMs: 30_000,
      what: `${person.name} ${may ? 'may' : 'may not'} ${deed} in ${namespace ?? 'the hub'}`,
    });
  }

  async stop(): Promise<void> {
    await this.policies.stop();
  }
}
