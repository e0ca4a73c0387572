/** How many objects of each resource a hub namespace holds at most, by the keys of a ResourceQuota. */
export type HubLimits = Readonly<Record<string, number>>;

/** What may be limited, by the names that people give it. */
const KEYS: Readonly<Record<string, string>> = {
  secrets: 'count/secrets',
  configmaps: 'count/configmaps',
  projects: 'count/projects.paddock.dev',
  roletemplatebindings: 'count/roletemplatebindings.paddock.dev',
};

/**
 * Of `c-<cluster>`. Not ClusterAccesses, nor what our operators make for each of them or derive from global bindings:
 * whoever fills the namespace would lock everybody else out, or keep a global binding from the cluster. A quota knows no
 * exceptions.
 */
export const CLUSTER_LIMITS: HubLimits = limits({ configmaps: 1_000, projects: 1_000 });
/** Of `p-<cluster>--<project>`, where people alone write: twice what a project can share, and bindings. */
export const PROJECT_LIMITS: HubLimits = limits({ secrets: 1_000, configmaps: 1_000, roletemplatebindings: 500 });

/** The resources that a setting for each may name. */
export const CLUSTER_LIMITED = ['configmaps', 'projects'];
export const PROJECT_LIMITED = ['secrets', 'configmaps', 'roletemplatebindings'];

/** `secrets: 10` as a ResourceQuota has it. */
export function limits(counts: Readonly<Record<string, number>>): HubLimits {
  return Object.fromEntries(Object.entries(counts).map(([name, count]) => [KEYS[name] ?? name, count]));
}

/** Whether a key counts objects of ours, which the controller of quotas knows only a while after their kind was installed. */
export function isOfOurKinds(key: string): boolean {
  return key.endsWith('.paddock.dev');
}
