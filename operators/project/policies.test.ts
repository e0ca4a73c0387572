import { BlockList, isIPv6 } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import type { ProjectSpec } from '#api';
import { limitRangeSpec, type NetworkPolicyObject, networkPolicySpec, type Selector } from './policies.ts';

/** Who sends: a Pod of a namespace with these labels, or something at an address. */
type Sender = { readonly labels: Readonly<Record<string, string>> } | { readonly address: string };

const pod = (project: string | undefined, labels: Readonly<Record<string, string>> = {}): Sender => ({
  labels: { ...(project === undefined ? {} : { 'paddock.dev/project': project }), ...labels },
});
const at = (address: string): Sender => ({ address });

/** What a NetworkPolicy means, as its reference says: no rule, nobody; a rule without `from`, everybody. */
function admits(spec: NetworkPolicyObject['spec'] | undefined, sender: Sender): boolean {
  if (!spec) return true; // not isolated
  return spec.ingress.some(
    ({ from }) =>
      from.length === 0 ||
      from.some(peer => {
        if ('ipBlock' in peer) return 'address' in sender && contains(peer.ipBlock.cidr, sender.address);
        return 'labels' in sender && selects(peer.namespaceSelector, sender.labels);
      }),
  );
}

function contains(cidr: string, address: string): boolean {
  const [network = '', bits = ''] = cidr.split('/');
  const list = new BlockList();
  const family = isIPv6(network) ? 'ipv6' : 'ipv4';
  list.addSubnet(network, Number(bits), family);
  return isIPv6(address) === (family === 'ipv6') && list.check(address, family);
}

function selects({ matchLabels = {}, matchExpressions = [] }: Selector, labels: Readonly<Record<string, string>>) {
  const isMet = ({ key, operator, values = [] }: (typeof matchExpressions)[number]) => {
    if (operator === 'Exists') return key in labels;
    if (operator === 'DoesNotExist') return !(key in labels);
    return (operator === 'In') === values.includes(labels[key] ?? '');
  };
  return Object.entries(matchLabels).every(([key, value]) => labels[key] === value) && matchExpressions.every(isMet);
}

describe('isolation', () => {
  const senders: Record<string, Sender> = {
    own: pod('pay'),
    system: pod('system'),
    other: pod('shop'),
    none: pod(undefined),
    edge: pod(undefined, { tier: 'edge' }),
    near: at('10.1.2.3'),
    far: at('192.0.2.9'),
    six: at('2001:db8::7'),
  };
  type AllowFrom = NonNullable<NonNullable<ProjectSpec['networkIsolation']>['allowFrom']>;
  const everybody = Object.keys(senders);
  const isolated = (...allowFrom: AllowFrom): ProjectSpec => ({ networkIsolation: { enabled: true, allowFrom } });

  test.each<[string, ProjectSpec, string[]]>([
    ['nothing said', {}, everybody],
    ['switched off', { networkIsolation: { enabled: false, allowFrom: [{ project: 'shop' }] } }, everybody],
    ['switched on', { networkIsolation: {} }, ['own', 'system']],
    ['with an empty list', isolated(), ['own', 'system']],
    ['another project', isolated({ project: 'shop' }), ['own', 'system', 'other']],
    [
      'namespaces by a label',
      isolated({ namespaceSelector: { matchLabels: { tier: 'edge' } } }),
      ['own', 'system', 'edge'],
    ],
    [
      'namespaces in no project',
      isolated({ namespaceSelector: { matchExpressions: [{ key: 'paddock.dev/project', operator: 'DoesNotExist' }] } }),
      ['own', 'system', 'none', 'edge'],
    ],
    ['all namespaces, and no address', isolated({ namespaceSelector: {} }), ['own', 'system', 'other', 'none', 'edge']],
    ['addresses', isolated({ cidr: '10.0.0.0/8' }), ['own', 'system', 'near']],
    ['one address', isolated({ cidr: '192.0.2.9/32' }), ['own', 'system', 'far']],
    ['addresses of IPv6', isolated({ cidr: '2001:db8::/32' }), ['own', 'system', 'six']],
    ['all addresses of IPv4, and no Pod', isolated({ cidr: '0.0.0.0/0' }), ['own', 'system', 'near', 'far']],
    [
      'several',
      isolated({ project: 'shop' }, { cidr: '10.0.0.0/8' }, { cidr: '2001:db8::/32' }),
      ['own', 'system', 'other', 'near', 'six'],
    ],
  ])('%s', (_what, spec, admitted) => {
    const policy = networkPolicySpec('pay', spec);
    expect(everybody.filter(name => admits(policy, senders[name] ?? pod('nobody')))).toEqual(admitted);
    for (const { from } of policy?.ingress ?? []) expect(from.length).toBeGreaterThan(1);
  });
});

describe('container defaults', () => {
  test.each<[string, ProjectSpec['containerDefaults'], unknown]>([
    ['nothing said', undefined, undefined],
    ['nothing in it', { requests: {}, limits: {} }, undefined],
    ['requests alone', { requests: { cpu: '0.1' } }, { defaultRequest: { cpu: '100m' } }],
    [
      'a limit is the request, too',
      { limits: { cpu: 1, memory: '1024Mi' } },
      { default: { cpu: '1', memory: '1Gi' }, defaultRequest: { cpu: '1', memory: '1Gi' } },
    ],
    [
      'each by itself',
      { requests: { memory: '128Mi' }, limits: { cpu: '2000m' } },
      { default: { cpu: '2' }, defaultRequest: { cpu: '2', memory: '128Mi' } },
    ],
  ])('%s', (_what, containerDefaults, wanted) => {
    const spec = limitRangeSpec(containerDefaults === undefined ? {} : { containerDefaults });
    expect(spec).toEqual(wanted === undefined ? undefined : { limits: [{ type: 'Container', ...(wanted as object) }] });
  });
});
