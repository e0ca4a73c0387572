/**
 * ConfigMap in `paddock-system` of a downstream that names the projects which are full: the parameter of policy
 * `paddock-namespace-limit`. It goes before the policy does, since an API server that has stopped to follow parameters of
 * a kind keeps what it saw last.
 */
export const FULL_PROJECTS = 'full-projects';
