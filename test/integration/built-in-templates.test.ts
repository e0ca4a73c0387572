import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type RoleTemplate, RoleTemplateResource } from '#api';
import { type Fleet, startFleet } from '../support/fleet.ts';

interface Rule {
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
  readonly verbs: readonly string[];
}

const WRITES = ['create', 'update', 'patch', 'delete', 'deletecollection'];
const READS = ['get', 'list', 'watch'];

let fleet: Fleet;
let templates: ReadonlyMap<string, RoleTemplate>;

beforeAll(async () => {
  fleet = await startFleet({ downstreams: 0 });
  const { items } = await fleet.hub.client.list(RoleTemplateResource);
  templates = new Map(items.map(template => [template.metadata.name ?? '', template]));
}, 120_000);

afterAll(() => fleet?.stop());

const template = (name: string) => {
  const found = templates.get(name);
  if (!found) throw new Error(`there is no RoleTemplate ${name}`);
  return found;
};

/** What rules allow, as `verb resource.group`, one by one. */
function allowed(rules: readonly Rule[] = []): Set<string> {
  const pairs = rules.flatMap(({ apiGroups = [], resources = [], verbs, resourceNames = [''] }) =>
    apiGroups.flatMap(group =>
      resources.flatMap(resource =>
        verbs.flatMap(verb => resourceNames.map(name => `${verb} ${resource}.${group} ${name}`.trim())),
      ),
    ),
  );
  return new Set(pairs);
}

/** What a ClusterRole of the API server itself allows, but in a group that no API server serves any more. */
async function ofKubernetes(name: string): Promise<Set<string>> {
  const path = `/apis/rbac.authorization.k8s.io/v1/clusterroles/${name}`;
  const { body } = await fleet.hub.client.transport.request({ method: 'GET', path });
  const all = allowed((JSON.parse(body) as { rules: readonly Rule[] }).rules);
  return new Set([...all].filter(each => !each.endsWith('.extensions')));
}

const sorted = (all: ReadonlySet<string>) => [...all].sort();
const each = (verbs: readonly string[], resource: string) => verbs.map(verb => `${verb} ${resource}`);
const NOT_WRITTEN = [
  ...each(WRITES, 'roles.rbac.authorization.k8s.io'),
  ...each(WRITES, 'rolebindings.rbac.authorization.k8s.io'),
  ...each(WRITES, 'networkpolicies.networking.k8s.io'),
  ...each(WRITES, 'resourcequotas.'),
  ...each(WRITES, 'limitranges.'),
];

test('there are six, which people can tell apart and which can be inherited', () => {
  expect([...templates].map(([name, { spec }]) => `${name} ${spec.context}`).sort()).toEqual([
    'cluster-member Cluster',
    'cluster-owner Cluster',
    'cluster-read-only Cluster',
    'project-member Project',
    'project-owner Project',
    'project-read-only Project',
  ]);
  for (const { spec } of templates.values()) {
    expect([spec.displayName, spec.description]).toEqual([expect.stringMatching(/^\w/), expect.stringMatching(/\.$/)]);
    expect(spec.rules?.length).toBeGreaterThan(0);
    expect([spec.clusterRoleRef, spec.inherits, spec.locked]).toEqual([undefined, undefined, false]);
  }
});

describe.each<readonly [name: string, role: string, more: readonly string[]]>([
  ['project-read-only', 'view', []],
  ['project-member', 'edit', ['create-in-project projects.paddock.dev']],
  [
    'project-owner',
    'admin',
    [
      'create-in-project projects.paddock.dev',
      'manage-namespaces projects.paddock.dev',
      ...each(['get', 'update', 'patch', 'delete'], 'namespaces.'),
    ],
  ],
])('%s', (name, role, more) => {
  test(`allows downstream what Kubernetes’ ${role} does, without what is the project’s, and nothing else`, async () => {
    const kubernetes = await ofKubernetes(role);
    const expected = new Set([...[...kubernetes].filter(one => !NOT_WRITTEN.includes(one)), ...more]);

    expect(kubernetes.size).toBeGreaterThan(50);
    expect(sorted(allowed(template(name).spec.rules))).toEqual(sorted(expected));
  });
});

describe('cluster-read-only', () => {
  /** Every resource that the API server serves, as `resource.group`, with what can be done with it. */
  async function served(): Promise<Map<string, readonly string[]>> {
    const { transport } = fleet.hub.client;
    const read = async <T>(path: string) => JSON.parse((await transport.request({ method: 'GET', path })).body) as T;
    interface Groups {
      readonly groups: readonly { readonly versions: readonly { readonly groupVersion: string }[] }[];
    }
    interface Resources {
      readonly resources: readonly { readonly name: string; readonly verbs: readonly string[] }[];
    }
    const { groups } = await read<Groups>('/apis');
    const versions = groups.flatMap(group => group.versions.map(({ groupVersion }) => groupVersion));
    const found = new Map<string, readonly string[]>();
    for (const version of ['v1', ...versions]) {
      const [group = ''] = version.includes('/') ? version.split('/') : [''];
      const { resources } = await read<Resources>(version === 'v1' ? '/api/v1' : `/apis/${version}`);
      for (const { name, verbs } of resources) found.set(`${name}.${group}`, verbs);
    }
    return found;
  }

  const ACTS = /^(pods\/(exec|attach|portforward|proxy)|services\/proxy|nodes\/proxy)\.$/;

  test('reads everything that is served but Secrets, and what acts although it is read', async () => {
    const rules = allowed(template('cluster-read-only').spec.rules);
    const reads = (verb: string, resource: string) =>
      rules.has(`${verb} ${resource}`) || rules.has(`${verb} *.${resource.split('.').slice(1).join('.')}`);
    const readable = [...(await served())].flatMap(([resource, verbs]) =>
      READS.filter(verb => verbs.includes(verb)).map(verb => [verb, resource] as const),
    );

    const missing = readable.filter(([verb, resource]) => !reads(verb, resource)).map(([, resource]) => resource);
    expect([...new Set(missing)].filter(resource => !ACTS.test(resource))).toEqual(['secrets.']);
    expect(readable.length).toBeGreaterThan(100);
    expect([...rules].filter(rule => / (secrets|serviceaccounts\/token|\*)\.$| [^ ]*\.\*$/.test(rule))).toEqual([]);
    expect([...rules].filter(rule => !READS.some(verb => rule.startsWith(`${verb} `)))).toEqual([]);
    expect([...rules].filter(rule => ACTS.test(rule.split(' ')[1] ?? ''))).toEqual([]);
  });
});

test('cluster-owner allows everything downstream', () => {
  expect(template('cluster-owner').spec.rules).toEqual([
    { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
    { nonResourceURLs: ['*'], verbs: ['*'] },
  ]);
});

test('cluster-member reads downstream, and writes nothing', () => {
  const rules = allowed(template('cluster-member').spec.rules);

  for (const resource of ['nodes.', 'namespaces.', 'persistentvolumes.', 'storageclasses.storage.k8s.io'])
    expect(sorted(rules)).toEqual(expect.arrayContaining(each(READS, resource)));
  expect([...rules].filter(rule => !/^(get|list|watch) /.test(rule))).toEqual([]);
});

describe('in the hub', () => {
  const hubRules = (name: string) => allowed(template(name).spec.hubRules);

  test('no role in c-<cluster> reaches credentials', () => {
    for (const name of ['cluster-owner', 'cluster-member', 'cluster-read-only']) {
      const rules = template(name).spec.hubRules ?? [];
      expect(new Set(rules.flatMap(({ apiGroups }) => apiGroups))).toEqual(new Set(['paddock.dev']));
      expect(rules.flatMap(({ resources, verbs }) => [...resources, ...verbs])).not.toContain('*');
    }
  });

  test('cluster-owner writes all that Paddock keeps for a cluster, and gives every role', () => {
    const rules = hubRules('cluster-owner');
    const kinds = [
      'projects',
      'roletemplatebindings',
      'clusteraccesses',
      'etcdbackups',
      'etcdsnapshots',
      'etcdrestores',
      'plans',
    ];
    for (const kind of kinds)
      expect(sorted(rules)).toEqual(
        expect.arrayContaining([
          ...each([...READS, ...WRITES], `${kind}.paddock.dev`),
          `get ${kind}/status.paddock.dev`,
        ]),
      );
    expect(rules).toContain('bind roletemplates.paddock.dev');
  });

  test('project-owner gives the roles of projects and no other', () => {
    const binds = [...hubRules('project-owner')].filter(rule => rule.startsWith('bind '));

    expect(binds.sort()).toEqual(
      ['project-member', 'project-owner', 'project-read-only'].map(name => `bind roletemplates.paddock.dev ${name}`),
    );
  });

  test('nobody but an owner writes Secrets, and a reader writes nothing', () => {
    const writesSecrets = [...templates.keys()].filter(name =>
      WRITES.some(verb => hubRules(name).has(`${verb} secrets.`)),
    );
    expect(writesSecrets).toEqual(['project-owner']);
    expect([...hubRules('project-member')].filter(rule => rule.endsWith('secrets.')).sort()).toEqual(
      each(READS, 'secrets.'),
    );
    for (const name of ['project-read-only', 'cluster-read-only'])
      expect([...hubRules(name)].filter(rule => !/^(get|list|watch) /.test(rule))).toEqual([]);
    expect([...hubRules('cluster-member')].filter(rule => !/^(get|list|watch) /.test(rule))).toEqual([
      'create projects.paddock.dev',
    ]);
  });

  test('no role may escalate, impersonate in the hub, or change pod security in a project', () => {
    for (const [name, { spec }] of templates) {
      expect([...hubRules(name)].filter(rule => /^(escalate|impersonate) /.test(rule))).toEqual([]);
      if (spec.context === 'Project') expect([...allowed(spec.rules)].join()).not.toContain('update-pod-security');
    }
  });
});
