import { aProject, type Case } from './case.ts';

const systemCase = (field: string, wrong: object, right: object): Case => ({
  name: `${field} of Project system`,
  field,
  rule: /must not be set on Project "system": /,
  invalid: aProject({ ...wrong }, 'system'),
  twin: aProject({ ...right }, 'system'),
});

/** Cases of what would take the cluster down, since Project `system` serves all of it. */
export const systemCases: readonly Case[] = [
  systemCase('spec.networkIsolation', { networkIsolation: {} }, {}),
  systemCase('spec.networkIsolation', { networkIsolation: { enabled: false } }, { displayName: 'System' }),
  systemCase(
    'spec.networkIsolation',
    { networkIsolation: { allowFrom: [{ cidr: '10.0.0.0/8' }] } },
    { description: 'x' },
  ),
  systemCase('spec.resourceQuota', { resourceQuota: { hard: { pods: 0 }, namespaceDefault: { pods: 0 } } }, {}),
  systemCase('spec.resourceQuota', { resourceQuota: {} }, { containerDefaults: { requests: { cpu: '10m' } } }),
  ...['privileged', 'baseline', 'restricted'].map(enforce =>
    systemCase(
      'spec.podSecurity.enforce',
      { podSecurity: { enforce } },
      { podSecurity: { audit: enforce, warn: enforce } },
    ),
  ),
  ...['systems', 'a-system', 'default'].map(name => ({
    ...systemCase('spec.networkIsolation', { networkIsolation: {} }, {}),
    name: `what Project system may not have, Project ${name} may`,
    twin: aProject(
      {
        networkIsolation: {},
        podSecurity: { enforce: 'restricted' },
        resourceQuota: { hard: { pods: 0 }, namespaceDefault: { pods: 0 } },
      },
      name,
    ),
  })),
];
