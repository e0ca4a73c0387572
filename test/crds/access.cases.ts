import { aBinding, anAccess, aRoleTemplate, type Case, fieldCases, type Manifest } from './case.ts';

const RULE = { verbs: ['get'], apiGroups: [''], resources: ['pods'] };

/** A case that is told by a sentence rather than by a value. */
function sentence(name: string, field: string, rule: RegExp, invalid: Manifest, twin: Manifest): Case {
  return { name, field, rule, invalid, twin };
}

export const templateCases: readonly Case[] = [
  ...fieldCases({ field: 'metadata.name', rule: /at most 40 characters/, object: name => aRoleTemplate({}, name) }, [
    ['a'.repeat(41), 'a'.repeat(40)],
  ]),
  ...fieldCases(
    {
      field: 'spec.context',
      rule: /supported values: "Cluster", "Project"/,
      object: context => aRoleTemplate({ context }),
    },
    [
      ['Global', 'Cluster'],
      ['project', 'Project'],
    ],
  ),
  sentence(
    'no context',
    'spec.context',
    /Required value/,
    aRoleTemplate({ context: undefined }),
    aRoleTemplate({ context: 'Cluster' }),
  ),
  ...fieldCases(
    {
      field: 'spec.inherits',
      rule: /must not name the RoleTemplate itself/,
      object: name => aRoleTemplate({ inherits: [name] }, 'viewer'),
    },
    [['viewer', 'viewers']],
  ),
  ...fieldCases(
    {
      field: 'spec.inherits[0]',
      rule: /must be the name of a RoleTemplate/,
      object: name => aRoleTemplate({ inherits: [name] }),
    },
    [
      ['View', 'view'],
      ['a'.repeat(41), 'a'.repeat(40)],
    ],
  ),
  sentence(
    'inherits the same twice',
    'spec.inherits[1]',
    /Duplicate value: "view"/,
    aRoleTemplate({ inherits: ['view', 'view'] }),
    aRoleTemplate({ inherits: ['view', 'edit'] }),
  ),
  sentence(
    'rules beside clusterRoleRef',
    'spec.rules',
    /must be empty where clusterRoleRef is set: the rules are those of ClusterRole "view"/,
    aRoleTemplate({ clusterRoleRef: 'view', rules: [RULE] }),
    aRoleTemplate({ clusterRoleRef: 'view', hubRules: [RULE] }),
  ),
  sentence(
    'inherits beside clusterRoleRef',
    'spec.inherits',
    /must be empty where clusterRoleRef is set: ClusterRole "view" is bound as it is, without what "a" allows/,
    aRoleTemplate({ clusterRoleRef: 'view', inherits: ['a'] }),
    aRoleTemplate({ clusterRoleRef: 'view', inherits: [] }),
  ),
  ...fieldCases(
    {
      field: 'spec.clusterRoleRef',
      rule: /must be the name of a ClusterRole/,
      object: clusterRoleRef => aRoleTemplate({ clusterRoleRef }),
    },
    [
      ['a/b', 'a:b'],
      ['..', 'a.b'],
      ['a%b', 'System:Viewer'],
    ],
  ),
  sentence(
    'nonResourceURLs in a project',
    'spec.rules',
    /nonResourceURLs can only be granted where context is Cluster/,
    aRoleTemplate({ rules: [{ verbs: ['get'], nonResourceURLs: ['/metrics'] }] }),
    aRoleTemplate({ context: 'Cluster', rules: [{ verbs: ['get'], nonResourceURLs: ['/metrics'] }] }),
  ),
  sentence(
    'a rule for paths and resources at once',
    'spec.rules[0]',
    /must name apiGroups and resources, or nonResourceURLs and nothing else; it names apiGroups resources nonResourceURLs/,
    aRoleTemplate({ context: 'Cluster', rules: [{ ...RULE, nonResourceURLs: ['/metrics'] }] }),
    aRoleTemplate({ context: 'Cluster', rules: [RULE, { verbs: ['get'], nonResourceURLs: ['/metrics'] }] }),
  ),
  sentence(
    'a rule without apiGroups',
    'spec.rules[0]',
    /must name apiGroups and resources, or nonResourceURLs and nothing else; it names resources/,
    aRoleTemplate({ rules: [{ verbs: ['get'], resources: ['pods'] }] }),
    aRoleTemplate({ rules: [{ verbs: ['get'], resources: ['pods'], apiGroups: [''] }] }),
  ),
  sentence(
    'a rule without verbs',
    'spec.rules[0].verbs',
    /should have at least 1 items/,
    aRoleTemplate({ rules: [{ ...RULE, verbs: [] }] }),
    aRoleTemplate({ rules: [{ ...RULE, verbs: ['*'] }] }),
  ),
  sentence(
    'hubRules for paths',
    'spec.hubRules[0].nonResourceURLs',
    /unknown field/,
    aRoleTemplate({ hubRules: [{ ...RULE, nonResourceURLs: ['/metrics'] }] }),
    aRoleTemplate({ hubRules: [{ ...RULE, resourceNames: ['a'] }] }),
  ),
  sentence(
    'hubRules without resources',
    'spec.hubRules[0]',
    /must name apiGroups and resources; resources is empty/,
    aRoleTemplate({ hubRules: [{ ...RULE, resources: [] }] }),
    aRoleTemplate({ hubRules: [{ ...RULE, resources: ['*'] }] }),
  ),
  sentence(
    'a field that does not exist',
    'spec.builtin',
    /unknown field/,
    aRoleTemplate({ builtin: true }),
    aRoleTemplate({ locked: true }),
  ),
];

const subject = (value: object) => aBinding({ subjects: [value] });

export const bindingCases: readonly Case[] = [
  ...fieldCases(
    {
      field: 'spec.roleTemplateName',
      rule: /must be the name of a RoleTemplate/,
      object: roleTemplateName => aBinding({ roleTemplateName }),
    },
    [
      ['Owner', 'owner'],
      ['a'.repeat(41), 'a'.repeat(40)],
    ],
  ),
  sentence(
    'no subjects',
    'spec.subjects',
    /should have at least 1 items/,
    aBinding({ subjects: [] }),
    subject({ kind: 'Group', name: 'dev' }),
  ),
  sentence(
    '501 subjects',
    'spec.subjects',
    /must have at most 500 items/,
    aBinding({ subjects: Array.from({ length: 501 }, (_, index) => ({ kind: 'User', name: `u${index}` })) }),
    aBinding({ subjects: Array.from({ length: 500 }, (_, index) => ({ kind: 'User', name: `u${index}` })) }),
  ),
  ...fieldCases(
    {
      field: 'spec.subjects[0].kind',
      rule: /supported values: "User", "Group", "ServiceAccount"/,
      object: kind => subject({ kind, name: 'a' }),
    },
    [['user', 'User']],
  ),
  sentence(
    'a subject without a name',
    'spec.subjects[0].name',
    /should be at least 1 chars long/,
    subject({ kind: 'User', name: '' }),
    subject({ kind: 'User', name: ' ' }),
  ),
  ...fieldCases(
    {
      field: 'spec.subjects[0].name',
      rule: /may not be more than 253 bytes/,
      object: name => subject({ kind: 'User', name }),
    },
    // characters, whatever the server says
    [['a'.repeat(254), 'ü'.repeat(253)]],
  ).map(({ value: _, ...rest }) => rest),
  sentence(
    'a ServiceAccount without a namespace',
    'spec.subjects[0].namespace',
    /is required where kind is ServiceAccount, name "ci"/,
    subject({ kind: 'ServiceAccount', name: 'ci' }),
    subject({ kind: 'ServiceAccount', name: 'ci', namespace: 'tools' }),
  ),
  ...(['User', 'Group'] as const).map(kind =>
    sentence(
      `a ${kind} with a namespace`,
      'spec.subjects[0].namespace',
      /"tools" must not be set where kind is User or Group/,
      subject({ kind, name: 'ci', namespace: 'tools' }),
      subject({ kind, name: 'ci' }),
    ),
  ),
  ...fieldCases(
    {
      field: 'spec.subjects[0].name',
      rule: /must be the name of a ServiceAccount/,
      object: name => subject({ kind: 'ServiceAccount', name, namespace: 'tools' }),
    },
    [
      ['CI', 'ci'],
      ['system:a', 'system.a'],
    ],
  ),
  ...fieldCases(
    {
      field: 'spec.subjects[0].namespace',
      rule: /must be the name of a namespace/,
      object: namespace => subject({ kind: 'ServiceAccount', name: 'ci', namespace }),
    },
    [['a.b', 'a-b']],
  ),
  sentence(
    'no scope',
    'spec.scope',
    /must set exactly one of cluster, project and global; it sets none/,
    aBinding({ scope: {} }),
    aBinding({ scope: { global: { clusterSelector: {} } } }),
  ),
  sentence(
    'two scopes',
    'spec.scope',
    /must set exactly one of cluster, project and global; it sets cluster global/,
    aBinding({ scope: { cluster: { name: 'edge-1' }, global: { clusterSelector: {} } } }),
    aBinding({ scope: { project: { cluster: 'edge-1', name: 'payments' } } }),
  ),
  ...fieldCases(
    {
      field: 'spec.scope.cluster.name',
      rule: /must be the name of a Cluster/,
      object: name => aBinding({ scope: { cluster: { name } } }),
    },
    [
      ['a'.repeat(30), 'a'.repeat(29)],
      ['a--b', 'a-b'],
    ],
  ),
  ...fieldCases(
    {
      field: 'spec.scope.project.name',
      rule: /must be the name of a Project/,
      object: name => aBinding({ scope: { project: { cluster: 'edge-1', name } } }),
    },
    [
      ['a'.repeat(31), 'a'.repeat(30)],
      ['A', 'a'],
    ],
  ),
  ...fieldCases(
    {
      field: 'spec.scope.project.cluster',
      rule: /must be the name of a Cluster/,
      object: cluster => aBinding({ scope: { project: { cluster, name: 'payments' } } }),
    },
    [['edge.1', 'edge-1']],
  ),
  sentence(
    'a global scope without a selector',
    'spec.scope.global.clusterSelector',
    /Required value/,
    aBinding({ scope: { global: {} } }),
    aBinding({ scope: { global: { clusterSelector: { matchLabels: { stage: 'production' } } } } }),
  ),
  sentence(
    'a selector that is none',
    'spec.scope.global.clusterSelector.matchExpressions[0]',
    /values must not be empty where operator is "In"/,
    aBinding({ scope: { global: { clusterSelector: { matchExpressions: [{ key: 'a', operator: 'In' }] } } } }),
    aBinding({ scope: { global: { clusterSelector: { matchExpressions: [{ key: 'a', operator: 'Exists' }] } } } }),
  ),
  sentence(
    'a ServiceAccount everywhere',
    'spec.subjects',
    /must have no ServiceAccount where the scope is global/,
    aBinding({
      subjects: [{ kind: 'ServiceAccount', name: 'ci', namespace: 'tools' }],
      scope: { global: { clusterSelector: {} } },
    }),
    aBinding({ scope: { global: { clusterSelector: {} } } }),
  ),
];

export const accessCases: readonly Case[] = [
  ...fieldCases({ field: 'spec.user', rule: /must not begin with "system:"/, object: user => anAccess({ user }) }, [
    ['system:admin', 'admin:system:'],
    ['system:serviceaccount:a:b', 'alice@example.com'],
  ]),
  sentence('no user', 'spec.user', /Required value/, anAccess({ user: undefined }), anAccess()),
  sentence('an empty user', 'spec.user', /at least 1 chars long/, anAccess({ user: '' }), anAccess({ user: 'ü ü' })),
  ...fieldCases(
    { field: 'spec.groups[0]', rule: /must not begin with "system:"/, object: group => anAccess({ groups: [group] }) },
    [['system:masters', 'masters']],
  ),
  sentence(
    '33 groups',
    'spec.groups',
    /must have at most 32 items/,
    anAccess({ groups: Array.from({ length: 33 }, (_, index) => `g${index}`) }),
    anAccess({ groups: Array.from({ length: 32 }, (_, index) => `g${index}`) }),
  ),
  ...fieldCases(
    {
      field: 'spec.ttl',
      rule: /must be a Go duration without sign, such as 12h, from 10m to 720h/,
      object: ttl => anAccess({ ttl }),
    },
    [
      ['9m59s', '10m'],
      ['720h1s', '720h'],
      ['1d', '24h'],
      ['-1h', '1h'],
    ],
  ),
  ...fieldCases(
    {
      field: 'spec.ttl',
      rule: /must be at most 24h where groups are given/,
      object: ttl => anAccess({ ttl, groups: ['dev'] }),
    },
    [['24h1s', '1440m']],
  ),
];
