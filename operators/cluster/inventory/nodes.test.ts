import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { leftOut } from './left-out.ts';
import { type Node, type NodeFacts, reduceNode, summariseNodes } from './nodes.ts';
import { nodesReadyCondition } from './status.ts';

type Conditions = Readonly<Record<string, string>>;

const ROLE = 'node-role.kubernetes.io/';
const WELL: Conditions = { Ready: 'True', DiskPressure: 'False', MemoryPressure: 'False', PIDPressure: 'False' };
const SIZE = { cpu: '4', memory: '16Gi', pods: '110' };

interface Wanted {
  readonly roles?: readonly string[];
  readonly conditions?: Conditions;
  readonly cordoned?: boolean;
}

function aNode(name: string, { roles = [], conditions = WELL, cordoned }: Wanted = {}): Node {
  const labels = Object.fromEntries(roles.map(role => [`${ROLE}${role}`, '']));
  return {
    metadata: { name, labels: { 'kubernetes.io/os': 'linux', ...labels }, resourceVersion: '7', uid: 'u' },
    spec: { ...(cordoned ? { unschedulable: true } : {}) },
    status: {
      capacity: SIZE,
      allocatable: { ...SIZE, cpu: '3900m' },
      conditions: Object.entries(conditions).map(([type, status]) => ({ type, status })),
    },
  };
}

function factsOf(node: Node): NodeFacts {
  const { facts } = reduceNode(node);
  if (!facts) throw new Error('a reduced node has facts');
  return facts;
}

const summaryOf = (...nodes: Node[]) => summariseNodes(nodes.map(factsOf));

describe('a node', () => {
  test.each([
    [{ ...WELL, Ready: 'False' }, ['NotReady']],
    [{ ...WELL, Ready: 'Unknown' }, ['NotReady']],
    [{}, ['NotReady']],
    [{ ...WELL, DiskPressure: 'True' }, ['DiskPressure']],
    [{ ...WELL, MemoryPressure: 'True', PIDPressure: 'True' }, ['MemoryPressure', 'PIDPressure']],
    [{ ...WELL, NetworkUnavailable: 'True', Ready: 'False' }, ['NotReady', 'NetworkUnavailable']],
    [{ ...WELL, DiskPressure: 'Unknown', KernelDeadlock: 'True' }, []],
  ])('with conditions %j is unhealthy for %j', (conditions, reasons) => {
    expect(factsOf(aNode('a', { conditions })).reasons).toEqual(reasons);
  });

  test.each([
    [[], ['worker']],
    [['control-plane'], ['controlPlane']],
    [['master'], ['controlPlane']],
    [
      ['control-plane', 'master', 'etcd'],
      ['controlPlane', 'etcd'],
    ],
    [
      ['control-plane', 'worker'],
      ['controlPlane', 'worker'],
    ],
    [['ingress'], []],
  ])('labelled %j has roles %j', (roles, expected) => {
    expect(factsOf(aNode('a', { roles })).roles).toEqual(expected);
  });

  test('that has just registered counts, with nothing', () => {
    expect(summaryOf({ metadata: { name: 'new' } })).toMatchObject({
      nodes: { total: 1, ready: 0, worker: 1, unhealthy: [{ name: 'new', reasons: ['NotReady'] }] },
      capacity: { cpu: '0', memory: '0', pods: '0' },
    });
  });

  test('is reduced to what counts, so that a heartbeat changes its version alone', () => {
    const node = aNode('a');
    const { metadata, ...rest } = reduceNode(node);
    const beats = node.status?.conditions?.map(one => ({ ...one, lastHeartbeatTime: '2026-01-01T00:00:00Z' })) ?? [];
    const beaten = reduceNode({
      ...node,
      metadata: { ...node.metadata, resourceVersion: '8', annotations: { a: 'b' } },
      status: { ...node.status, conditions: beats.reverse() },
    });

    expect(metadata).toEqual({ name: 'a', uid: 'u', resourceVersion: '7' });
    expect(beaten).toEqual({ metadata: { ...metadata, resourceVersion: '8' }, ...rest });
  });
});

describe('nodes', () => {
  test('that are not there make a summary of nothing, and that is well', () => {
    const summary = summaryOf();

    expect(summary.nodes).toEqual({ total: 0, ready: 0, controlPlane: 0, etcd: 0, worker: 0 });
    expect(nodesReadyCondition({ summary })).toMatchObject({
      status: 'True',
      reason: 'NodesReady',
      message: 'the cluster has no nodes: its Pods wait until one joins',
    });
  });

  test('count in each of their roles; capacity has all, allocatable those that are not cordoned', () => {
    const summary = summaryOf(
      aNode('a', { roles: ['control-plane', 'etcd'] }),
      aNode('b', { cordoned: true }),
      aNode('c', { conditions: { ...WELL, Ready: 'False' } }),
    );

    expect(summary).toEqual({
      nodes: {
        total: 3,
        ready: 2,
        controlPlane: 1,
        etcd: 1,
        worker: 2,
        unhealthy: [{ name: 'c', reasons: ['NotReady'] }],
      },
      capacity: { cpu: '12', memory: '48Gi', pods: '330' },
      allocatable: { cpu: '7800m', memory: '32Gi', pods: '220' },
      unhealthyTotal: 1,
    });
  });

  test('are named by severity, then name, up to 50; a message names three', () => {
    const pressed = { conditions: { ...WELL, DiskPressure: 'True' } };
    const nodes = Array.from({ length: 60 }, (_, index) => aNode(`a-${String(index).padStart(2, '0')}`, pressed));

    const summary = summaryOf(...nodes, aNode('z', { conditions: { ...WELL, Ready: 'False' } }), aNode('ok'));

    expect(summary.nodes.unhealthy?.map(({ name }) => name)).toEqual([
      'z',
      ...Array.from({ length: 49 }, (_, index) => `a-${String(index).padStart(2, '0')}`),
    ]);
    expect(nodesReadyCondition({ summary })).toMatchObject({
      status: 'False',
      reason: 'NodesUnhealthy',
      message:
        '61 of 62 nodes are unhealthy: z (NotReady), a-00 (DiskPressure), a-01 (DiskPressure), 58 more; ' +
        'look at them in the cluster with kubectl describe node',
    });
  });

  test('make the same summary in whatever order they come', () => {
    const facts = fc
      .uniqueArray(
        fc.record({
          name: fc.stringMatching(/^[a-z]{1,4}$/),
          cordoned: fc.boolean(),
          roles: fc.subarray(['control-plane', 'etcd', 'worker', 'other']),
          conditions: fc.record({
            Ready: fc.constantFrom('True', 'False'),
            PIDPressure: fc.constantFrom('True', 'False'),
          }),
        }),
        { selector: ({ name }) => name, maxLength: 80 },
      )
      .map(all => all.map(({ name, ...wanted }) => factsOf(aNode(name, wanted))));
    const shuffled = facts.chain(all =>
      fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })),
    );

    void fc.assert(fc.property(shuffled, ([one, other]) => expect(summariseNodes(one)).toEqual(summariseNodes(other))));
  });

  test('5,000 with the longest names and all wrong fill less than half of 64 KiB', () => {
    const name = (index: number) => `${'n'.repeat(248)}-${String(index).padStart(4, '0')}`;
    const bad = {
      Ready: 'False',
      DiskPressure: 'True',
      MemoryPressure: 'True',
      PIDPressure: 'True',
      NetworkUnavailable: 'True',
    };
    const facts = Array.from({ length: 5_000 }, (_, index) => factsOf(aNode(name(index), { conditions: bad })));

    const summary = summariseNodes(facts);

    const size = Buffer.byteLength(JSON.stringify({ ...summary, condition: nodesReadyCondition({ summary }) }));
    expect(summary.nodes.total).toBe(5_000);
    expect(summary.capacity).toEqual({ cpu: '20k', memory: '80000Gi', pods: '550k' });
    expect(size).toBeLessThan(32 * 1024);
  });
});

describe('nodes or Pods that can’t be read', () => {
  const forbidden = { reason: 'Forbidden', message: 'no' } as const;

  test('nodes: Unknown, with what to do', () => {
    expect(nodesReadyCondition({ nodesUnreadable: forbidden })).toEqual({
      type: 'NodesReady',
      status: 'Unknown',
      ...forbidden,
    });
  });

  test('Pods: said beside the state of the nodes', () => {
    const state = { summary: summaryOf(aNode('a')), podsUnreadable: forbidden };
    expect(nodesReadyCondition(state)).toMatchObject({
      status: 'True',
      message: 'all nodes are ready and none is under pressure; what Pods request is not known: no',
    });
  });
});

describe('a node that an API server does not send', () => {
  const hostile = (name: string, fields: object): Node => ({ metadata: { name }, ...fields }) as Node;

  test.each([
    [
      'its capacity has 200,000 digits',
      { status: { capacity: { ...SIZE, cpu: '1'.repeat(200_000) } } },
      ['capacity.cpu'],
    ],
    ['its memory is a word', { status: { allocatable: { ...SIZE, memory: 'lots' } } }, ['allocatable.memory']],
    ['its conditions are an object', { status: { conditions: {}, capacity: SIZE } }, undefined],
    ['its conditions are nothing', { status: { conditions: [null, 7], capacity: SIZE } }, undefined],
    ['its status is null', { status: null }, undefined],
  ])('since %s is counted without that', (_why, fields, unreadable) => {
    const reduced = reduceNode(hostile('a', fields));
    expect(reduced.unreadable).toEqual(unreadable);
    expect(reduced.facts).toMatchObject({ name: 'a', ready: false, reasons: ['NotReady'] });
  });

  test.each([['a\nb'], ['a\u200b'], ['A'], ['\x1b[31m'], ['x'.repeat(254)], ['a/b']])(
    'since its name is %j is left out',
    name => {
      expect(reduceNode(hostile(name, {}))).toMatchObject({ unreadable: ['name'] });
      expect(reduceNode(hostile(name, {})).facts).toBeUndefined();
    },
  );

  test('keeps little, however much it has', () => {
    const many = <V>(value: (index: number) => V) => Array.from({ length: 10_000 }, (_, index) => value(index));
    const labels = Object.fromEntries(many(index => [`${ROLE}role-${index}`, 'x'.repeat(100)]));
    const conditions = many(index => ({ type: `Type${index}`, status: 'True', message: 'x'.repeat(100) }));
    const reduced = reduceNode({ metadata: { name: 'a', labels }, status: { conditions } });
    expect(
      JSON.stringify(reduced, (_key, value) => (typeof value === 'bigint' ? `${value}` : value)).length,
    ).toBeLessThan(500);
  });

  test('is named in the condition, and the others are counted', () => {
    const nodes = [
      ...Array.from({ length: 7 }, (_, index) => hostile(`n${index}`, { status: { capacity: { cpu: 'x' } } })),
      hostile('bad\x1b[31m\nname', {}),
    ].map(reduceNode);
    const pods = new Set(['b/y', 'a/x']);
    const left = leftOut(nodes, pods);
    expect(left).toMatchObject({ nodesTotal: 8, podsTotal: 2, pods: ['a/x', 'b/y'] });
    const summary = { ...summaryOf(aNode('well')), ...(left ? { leftOut: left } : {}) };
    expect(nodesReadyCondition({ summary })).toEqual({
      type: 'NodesReady',
      status: 'True',
      reason: 'NodesReady',
      message:
        'all nodes are ready and none is under pressure; left out, since it can’t be read: of nodes bad name (name), n0 (capacity.cpu), n1 (capacity.cpu), n2 (capacity.cpu), n3 (capacity.cpu), 3 more and the requests of Pods a/x, b/y; look at them in the cluster',
    });
  });
});
