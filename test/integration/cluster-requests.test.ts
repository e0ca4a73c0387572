import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Quantity } from '#runtime';
import { aNode, aPod } from '../support/nodes.ts';
import { CountedCluster } from './counted-cluster.ts';

let cluster: CountedCluster;

beforeAll(async () => {
  cluster = await CountedCluster.start();
  for (const name of ['work-1', 'work-2']) await cluster.addNode(aNode(name));
}, 120_000);

afterAll(async () => {
  await cluster?.stop();
});

describe('requests', () => {
  test('are what the scheduler reserves for Pods that are on nodes and not finished', async () => {
    const node = 'work-1';
    await cluster.addPod(aPod('plain', { node, requests: { cpu: '100m', memory: '64Mi' } }));
    const sidecar = { name: 'proxy', image: 'i', restartPolicy: 'Always', resources: { requests: { cpu: '50m' } } };
    const init = { name: 'init', image: 'i', resources: { requests: { cpu: '1', memory: '32Mi' } } };
    const initContainers = [sidecar, init];
    await cluster.addPod(aPod('init', { node, requests: { cpu: '200m', memory: '64Mi' }, spec: { initContainers } }));
    const resources = { requests: { cpu: '300m', memory: '128Mi' } };
    await cluster.addPod(aPod('level', { node, requests: { cpu: '10m' }, spec: { resources } }));
    await cluster.addPod(aPod('pending', { node: '', requests: { cpu: '64' } }));

    await cluster.shows({ requested: { cpu: '1450m', memory: '256Mi', pods: '3' } });
  });

  test('go with Pods that finish or are deleted, ten seconds later at most', async () => {
    await cluster.setPhase('plain', 'Succeeded');
    await cluster.setPhase('init', 'Running');
    await cluster.shows({ requested: { cpu: '1350m', memory: '192Mi', pods: '2' } });

    await cluster.removePod('init');
    await cluster.removePod('level');

    await cluster.shows({ requested: { cpu: '0', memory: '0', pods: '0' } });
  });
});

describe('quantities', () => {
  test('are canonical as the API server makes them', async () => {
    const odd = ['1.5', '1500m', '0.1', '1e3', '12E1', '1000', '1024', '1536', '1Ki', '0.5Gi', '1500Mi', '1000000Ki'];
    const more = ['2048Mi', '1.5Gi', '1G', '1500M', '123456789', '1Ti', '0.1Ki', '100u', '5n', '0.1n', '1000000n'];
    const texts = [...odd, ...more];
    // a field that holds the quantity as it is; in resource lists the server rounds up to thousandths besides
    const volumes = texts.map((sizeLimit, index) => ({ name: `v-${index}`, emptyDir: { sizeLimit } }));
    await cluster.addPod(aPod('odd', { node: '', requests: {}, spec: { volumes } }));

    const { spec } = await cluster.getPod('odd');

    const sizes = spec?.volumes?.map(({ emptyDir }) => emptyDir?.sizeLimit).filter(size => size !== undefined);
    expect(sizes).toEqual(texts.map(text => Quantity.parse(text).toString()));
  });

  test('add up exactly, whatever they are written in', async () => {
    const sizes = ['1.5Gi', '1500M', '1e9', '123456789', '1025Ki', '100m'].map(memory => ({
      cpu: '100m',
      memory,
      pods: '1e3',
    }));
    await Promise.all(sizes.map((size, index) => cluster.addNode(aNode(`odd-${index}`, { size }))));

    const { capacity } = await cluster.shows({ nodes: { total: 2 + sizes.length } });

    const bytes = 32 * 1024 ** 3 + 1.5 * 1024 ** 3 + 1.5e9 + 1e9 + 123_456_789 + 1025 * 1024;
    expect(capacity).toEqual({ cpu: '8600m', memory: `${bytes}100m`, pods: '6220' });
  });
});
