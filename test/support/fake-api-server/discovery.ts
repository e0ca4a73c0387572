import type { KindRegistry } from './kinds.ts';

const VERSION = { major: '1', minor: '34', gitVersion: 'v1.34.4', platform: 'linux/amd64' };
const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

/** Answers the paths that are no resource's: health, version, discovery. `undefined` for others. */
export function discover(kinds: KindRegistry, path: string): string | object | undefined {
  if (['/healthz', '/livez', '/readyz'].includes(path)) return 'ok';
  if (path === '/version') return VERSION;
  if (path === '/api') return { kind: 'APIVersions', versions: ['v1'] };
  if (path === '/apis') return { kind: 'APIGroupList', apiVersion: 'v1', groups: groups(kinds) };
  const [, root, ...parts] = path.split('/');
  const [group, version, ...more] = root === 'api' ? ['', ...parts] : root === 'apis' ? parts : [];
  if (group === undefined || more.length > 0) return undefined;
  if (version === undefined) return groups(kinds).find(each => each.name === group);
  return resources(kinds, group, version);
}

function groups(kinds: KindRegistry) {
  const names = [...new Set(kinds.all.map(kind => kind.group))].filter(group => group !== '');
  return names.map(name => {
    const versions = [...new Set(kinds.all.filter(kind => kind.group === name).map(kind => kind.version))].map(
      version => ({ groupVersion: `${name}/${version}`, version }),
    );
    return { kind: 'APIGroup', apiVersion: 'v1', name, versions, preferredVersion: versions[0] };
  });
}

function resources(kinds: KindRegistry, group: string, version: string): object | undefined {
  const served = kinds.all.filter(kind => kind.group === group && kind.version === version);
  if (served.length === 0) return undefined;
  const resource = (name: string, verbs: readonly string[], { kind, namespaced }: (typeof served)[number]) => ({
    name,
    singularName: name.includes('/') ? '' : kind.toLowerCase(),
    namespaced,
    kind,
    verbs,
  });
  const all = served.flatMap(kind => [
    resource(kind.plural, VERBS, kind),
    ...(kind.statusSubresource ? [resource(`${kind.plural}/status`, ['get', 'patch', 'update'], kind)] : []),
  ]);
  const groupVersion = group === '' ? version : `${group}/${version}`;
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources: all };
}
