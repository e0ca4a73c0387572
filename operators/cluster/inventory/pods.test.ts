import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { amountsOf, NOTHING, quantitiesOf, sum } from './amounts.ts';
import { countedPod, type Pod, reducePod, requestsOf } from './pods.ts';

type Spec = NonNullable<Pod['spec']>;

const asking = (cpu: string, memory = '0') => ({ resources: { requests: { cpu, memory } } });
const sidecar = (cpu: string) => ({ restartPolicy: 'Always', ...asking(cpu) });

function aPod(spec: Spec, status: Pod['status'] = { phase: 'Running' }): Pod {
  const metadata = { name: 'a', namespace: 'x', uid: 'u', resourceVersion: '7', labels: { app: 'a' } };
  return { metadata, spec: { nodeName: 'node', ...spec }, status };
}

const cpuOf = (spec: Spec) => quantitiesOf(requestsOf(aPod(spec))).cpu;

describe('what a Pod requests', () => {
  test('is nothing where it asks for nothing', () => {
    expect(requestsOf({})).toEqual(NOTHING);
    expect(requestsOf(aPod({ containers: [{}, { resources: {} }] }))).toEqual(NOTHING);
  });

  test.each<[string, Spec, string]>([
    ['all containers together', { containers: [asking('100m'), asking('1.5')] }, '1600m'],
    ['an init container that is larger', { containers: [asking('1')], initContainers: [asking('3')] }, '3'],
    ['not init containers together', { containers: [asking('1')], initContainers: [asking('2'), asking('2')] }, '2'],
    ['sidecars beside containers', { containers: [asking('1')], initContainers: [sidecar('500m')] }, '1500m'],
    [
      'an init container with the sidecars before it',
      { initContainers: [sidecar('1'), asking('3'), sidecar('1')] },
      '4',
    ],
    ['not with those after it', { initContainers: [asking('3'), sidecar('1'), sidecar('1')] }, '3'],
    ['overhead on top', { containers: [asking('1')], overhead: { cpu: '250m' } }, '1250m'],
    [
      'what the Pod as a whole asks for, and overhead',
      { containers: [asking('3')], resources: { requests: { cpu: '2' } }, overhead: { cpu: '1' } },
      '3',
    ],
  ])('%s', (_what, spec, expected) => {
    expect(cpuOf(spec)).toBe(expected);
  });

  test('each resource by itself', () => {
    const spec = {
      containers: [asking('1', '1Gi')],
      initContainers: [asking('500m', '2Gi')],
      resources: { requests: { cpu: '3' } },
    };
    expect(quantitiesOf(requestsOf(aPod(spec)))).toEqual({ cpu: '3', memory: '2Gi', pods: '0' });
  });

  test('while it is resized, the larger of what it wants and what it has', () => {
    const spec = { containers: [{ name: 'a', ...asking('2') }] };
    const has = (requests: string, allocated: string) => ({
      containerStatuses: [
        { name: 'a', resources: { requests: { cpu: requests } }, allocatedResources: { cpu: allocated } },
      ],
    });
    const infeasible = { conditions: [{ type: 'PodResizePending', reason: 'Infeasible' }] };
    const cpu = (status: Pod['status'] & object) => quantitiesOf(requestsOf(aPod(spec, status))).cpu;

    expect(cpu(has('1', '1'))).toBe('2');
    expect(cpu(has('3', '1'))).toBe('3');
    expect(cpu(has('1', '3'))).toBe('3');
    expect(cpu({ ...has('1', '1'), ...infeasible })).toBe('1');
    expect(cpu({ containerStatuses: [{ name: 'a', allocatedResources: { cpu: '9' } }] })).toBe('2');
  });

  test('is never less than all that runs on, nor than any one step of its start', () => {
    const cpu = fc.nat(4_000).map(millis => `${millis}m`);
    const init = fc.record({ cpu, restartPolicy: fc.option(fc.constant('Always'), { nil: undefined }) });
    void fc.assert(
      fc.property(fc.array(cpu), fc.array(init), (containers, inits) => {
        const spec = {
          containers: containers.map(one => asking(one)),
          initContainers: inits.map(one => ({
            ...asking(one.cpu),
            ...(one.restartPolicy ? { restartPolicy: one.restartPolicy } : {}),
          })),
        };
        const requested = requestsOf(aPod(spec)).cpu;
        const lasting = [...containers, ...inits.filter(one => one.restartPolicy).map(one => one.cpu)];
        const running = lasting.map(one => amountsOf({ cpu: one })).reduce(sum, NOTHING).cpu;
        expect(requested).toBeGreaterThanOrEqual(running);
        for (const one of inits) expect(requested).toBeGreaterThanOrEqual(amountsOf({ cpu: one.cpu }).cpu);
        if (inits.every(one => one.restartPolicy)) expect(requested).toBe(running);
      }),
    );
  });
});

describe('a Pod in the cache', () => {
  test('is its name, its version and two numbers', () => {
    expect(reducePod(aPod({ containers: [asking('1m', '1')] }))).toEqual({
      metadata: { name: 'a', namespace: 'x', resourceVersion: '7' },
      counted: { cpu: 1_000_000n, memory: 1_000_000_000n, pods: 1_000_000_000n },
    });
  });

  test('is held once for all that request the same', () => {
    const one = reducePod(aPod({ containers: [asking('1', '1Gi')] }));
    const other = reducePod(aPod({ containers: [asking('500m', '512Mi'), asking('500m', '512Mi')] }));
    expect(other.counted).toBe(one.counted);
    expect(reducePod(aPod({ containers: [asking('1', '2Gi')] })).counted).not.toEqual(one.counted);
  });

  test.each([
    ['without a node', aPod({ nodeName: '', containers: [asking('1')] })],
    ['that has succeeded', aPod({ containers: [asking('1')] }, { phase: 'Succeeded' })],
    ['that has failed', aPod({ containers: [asking('1')] }, { phase: 'Failed' })],
  ])('%s does not count', (_what, pod) => {
    expect(countedPod(reducePod(pod))).toEqual(NOTHING);
  });

  test('that asks for nothing counts as a Pod', () => {
    expect(quantitiesOf(countedPod(reducePod(aPod({}))))).toEqual({ cpu: '0', memory: '0', pods: '1' });
  });
});

describe('a Pod that no API server sends', () => {
  const metadata = { name: 'a', namespace: 'x', uid: 'u', resourceVersion: '7' };
  const odd = (spec: unknown, status: unknown = {}) =>
    ({ metadata, spec: { nodeName: 'node', ...(spec as object) }, status }) as Pod;

  test.each([
    ['200,000 digits', odd({ containers: [asking('1'.repeat(200_000))] })],
    ['a word', odd({ containers: [asking('1'), asking('many')] })],
    ['containers that are no list', odd({ containers: {} })],
    ['a container that is null', odd({ containers: [null] })],
    ['requests that are null', odd({ containers: [{ resources: { requests: null } }] })],
    ['statuses that are no list', odd({ containers: [asking('1')] }, { containerStatuses: 7 })],
  ])('with %s counts as one that requests nothing, and is marked', (_what, pod) => {
    const reduced = reducePod(pod);
    expect(reduced.unreadable).toBe(true);
    expect(quantitiesOf(countedPod(reduced))).toEqual({ cpu: '0', memory: '0', pods: '1' });
  });
});
