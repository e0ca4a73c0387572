import type { RoleTemplate } from '#api';
import type { PolicyRule } from '../engagement/rbac-kinds.ts';

/** Why a RoleTemplate can't be had as it is written. */
export interface TemplateProblem {
  readonly reason: 'InheritanceCycle' | 'InheritsUnknown' | 'InheritsUnfit';
  readonly message: string;
  /** What it allows can't be told: its roles stay as they are, nobody is bound to it newly. */
  readonly frozen: boolean;
}

/** All RoleTemplates of the hub at one moment, and what inherits what. */
export class TemplateBook {
  readonly #templates: ReadonlyMap<string, RoleTemplate>;
  readonly #inheritors = new Map<string, Set<string>>();
  readonly #problems = new Map<string, TemplateProblem>();

  constructor(templates: Iterable<RoleTemplate>) {
    this.#templates = new Map([...templates].map(template => [template.metadata.name ?? '', template]));
    const names = [...this.#templates.keys()].sort();
    for (const name of names)
      for (const part of this.parts(name)) {
        const inheritors = this.#inheritors.get(part) ?? new Set();
        this.#inheritors.set(part, inheritors.add(name));
      }
    for (const name of names) {
      const problem = this.#find(name);
      if (problem) this.#problems.set(name, problem);
    }
  }

  get names(): string[] {
    return [...this.#templates.keys()];
  }

  get(name: string): RoleTemplate | undefined {
    return this.#templates.get(name);
  }

  /** Undefined for one that can be had, and for one that does not exist. */
  problem(name: string): TemplateProblem | undefined {
    return this.#problems.get(name);
  }

  /** The template can be bound, and what it allows is known. */
  isReady(name: string): boolean {
    return this.#templates.has(name) && this.#problems.get(name)?.frozen !== true;
  }

  /** Itself and all it inherits, itself first; names of templates that do not exist among them. */
  parts(name: string): string[] {
    const parts = new Set([name]);
    for (const part of parts) for (const parent of this.#inherits(part)) parts.add(parent);
    return [...parts];
  }

  /** Itself and all that inherit it, sorted. */
  inheritors(name: string): string[] {
    return [...(this.#inheritors.get(name) ?? [])].sort();
  }

  /** The hubRules of the template and of all it inherits. */
  hubRules(name: string): PolicyRule[] {
    return this.parts(name).flatMap(part => this.get(part)?.spec.hubRules ?? []);
  }

  /** The verbs on `projects.paddock.dev` of the template and of all it inherits, see {@link isProjectRule}. */
  projectVerbs(name: string): string[] {
    if (this.get(name)?.spec.context !== 'Project') return [];
    const rules = this.parts(name).flatMap(part => this.get(part)?.spec.rules ?? []);
    return [...new Set(rules.filter(isProjectRule).flatMap(({ verbs }) => verbs))].sort();
  }

  /** What the hubRules of the template and of all it inherits let somebody read of the Cluster that they have it in. */
  clusterVerbs(name: string): string[] {
    if (this.get(name)?.spec.context !== 'Cluster') return [];
    const verbs = this.hubRules(name)
      .filter(isClusterRule)
      .flatMap(rule => rule.verbs);
    return READ.filter(verb => verbs.includes(verb) || verbs.includes('*'));
  }

  #inherits(name: string): readonly string[] {
    return this.#templates.get(name)?.spec.inherits ?? [];
  }

  #find(name: string): TemplateProblem | undefined {
    const cycle = this.#cycleFrom(name);
    if (cycle)
      return {
        reason: 'InheritanceCycle',
        message: `spec.inherits makes a cycle: ${cycle.join(' → ')}; take one of them out. Until then nobody is bound newly, and what is in force stays`,
        frozen: true,
      };
    const parts = this.parts(name).slice(1);
    const { context } = this.#templates.get(name)?.spec ?? {};
    for (const part of parts) {
      const { spec } = this.#templates.get(part) ?? {};
      const fault = spec && unfit(context, spec);
      if (fault !== undefined)
        return {
          reason: 'InheritsUnfit',
          message: `spec.inherits: RoleTemplate "${part}" ${fault}. Until that is put right nobody is bound newly, and what is in force stays`,
          frozen: true,
        };
    }
    const unknown = parts.filter(part => !this.#templates.has(part));
    if (unknown.length === 0) return undefined;
    const list = unknown.map(part => `"${part}"`).join(', ');
    return {
      reason: 'InheritsUnknown',
      message: `spec.inherits: RoleTemplate ${list} does not exist: create it or take it out; the rest is in force`,
      frozen: false,
    };
  }

  /** The first cycle that the template is on or leads to, beginning and ending with the same name. */
  #cycleFrom(name: string): string[] | undefined {
    const done = new Set<string>();
    const visit = (at: string, path: readonly string[]): string[] | undefined => {
      const seen = path.indexOf(at);
      if (seen >= 0) return [...path.slice(seen), at];
      if (done.has(at)) return undefined;
      done.add(at);
      for (const parent of this.#inherits(at)) {
        const cycle = visit(parent, [...path, at]);
        if (cycle) return cycle;
      }
      return undefined;
    };
    return visit(name, []);
  }
}

/** The custom verbs on projects that a Project's role can hold. Wildcards do not count: they would mean every project. */
export function isProjectRule({ apiGroups = [], resources = [] }: PolicyRule): boolean {
  return apiGroups.includes('paddock.dev') && resources.includes('projects');
}

/** What may be read of a Cluster. Nobody changes one by a role in it: its connection and its end are the hub's matter. */
const READ = ['get', 'list', 'watch'];

/** About Clusters, of which a role means the one that it is had in; wildcards count as they do in RBAC. */
function isClusterRule({ apiGroups = [], resources = [], resourceNames = [] }: PolicyRule): boolean {
  const names = (list: readonly string[], name: string) => list.includes(name) || list.includes('*');
  return names(apiGroups, 'paddock.dev') && names(resources, 'clusters') && resourceNames.length === 0;
}

function unfit(context: string | undefined, parent: RoleTemplate['spec']): string | undefined {
  if (parent.context !== context) return `is of context ${parent.context}, not ${context}`;
  if (parent.clusterRoleRef !== undefined)
    return `has a clusterRoleRef, "${parent.clusterRoleRef}", which can't be inherited: its rules are not known here`;
  return undefined;
}
