// Many small API servers in a process of their own, so that their memory is not counted: see downstreams.ts.
import { request as forward } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { LABEL_PROJECT } from '#api';
import { type KubeObject, Namespaces, type ResourceType } from '#runtime';
import { POLICY_KINDS } from '../../operators/cluster/policies/kinds.ts';
import { LimitRanges, NetworkPolicies, ResourceQuotas } from '../../operators/engagement/policy-kinds.ts';
import { RoleBindings } from '../../operators/engagement/rbac-kinds.ts';
import { issue, type KeyPair, newAuthority } from '../../runtime/certificates.ts';
import type { Downstream, DownstreamsMessage, DownstreamsOrder } from './downstreams.ts';
import { FakeApiServer, type FakeKind } from './fake-api-server/index.ts';
import { SecretType } from './fleet.ts';
import { aNode, type NodeObject, NodeType, type PodObject, PodType } from './nodes.ts';
import { aNamespace, ContentTypes } from './objects.ts';

const ISSUER = 'downstreams';
const NODES = 5;
const KINDS: readonly FakeKind[] = [
  Namespaces,
  SecretType,
  ContentTypes.ConfigMap,
  LimitRanges,
  NetworkPolicies,
  ResourceQuotas,
  NodeType,
  ...POLICY_KINDS,
  RoleBindings,
  { ...PodType, selectableFields: ['spec.nodeName', 'status.phase'] },
];

const servers = new Map<string, Server>();

/** A cluster with so many Pods, and a namespace for each of so many projects. */
async function startDownstream(name: string, { pods, projects }: DownstreamsOrder['start'], authority: KeyPair) {
  const fake = await FakeApiServer.start({ kinds: KINDS, bookmarkIntervalMs: 60_000 });
  const create = <T extends KubeObject>(type: ResourceType<T>, object: T) =>
    fake.store.create({ apiVersion: 'v1', kind: type.kind, ...object });
  for (let index = 0; index < projects; index += 1) {
    const project = `team-${index}`;
    create(Namespaces, aNamespace(`${project}-app`, { labels: { [LABEL_PROJECT]: project } }));
  }
  for (let index = 0; index < NODES; index += 1) create<NodeObject>(NodeType, aNode(`node-${index}`));
  for (let index = 0; index < pods; index += 1) create<PodObject>(PodType, aPod(index, projects));
  const { certPem, keyPem } = issue(authority, ISSUER, {
    commonName: 'kube-apiserver',
    usage: 'server',
    names: ['127.0.0.1'],
  });
  const target = new URL(fake.url);
  const server = createServer({ cert: certPem, key: keyPem, keepAliveTimeout: 60_000 }, (incoming, outgoing) => {
    const { method, url: path, headers } = incoming;
    const onward = forward({ host: target.hostname, port: target.port, method, path, headers }, answer => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      outgoing.flushHeaders();
      answer.pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy());
    outgoing.on('close', () => onward.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  servers.set(name, server);
  return { name, server: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, ca: authority.certPem };
}

function aPod(index: number, projects: number): PodObject {
  return {
    metadata: {
      name: `web-7c9d8f6b5-${index.toString(36).padStart(5, 'x')}`,
      namespace: `team-${index % projects}-app`,
      labels: { app: 'web', 'pod-template-hash': '7c9d8f6b5' },
    },
    spec: {
      nodeName: `node-${index % NODES}`,
      containers: [
        {
          name: 'web',
          image: 'registry.example/web:1.2.3',
          env: Array.from({ length: 20 }, (_, entry) => ({ name: `SETTING_${entry}`, value: `value of ${entry}` })),
          resources: { requests: { cpu: '100m', memory: '128Mi' } },
        },
      ],
    },
    status: { phase: 'Running' },
  };
}

function tell(message: DownstreamsMessage): void {
  process.send?.(message);
}

process.on('message', async (order: Partial<DownstreamsOrder>) => {
  if (order.start) {
    const authority = newAuthority(ISSUER);
    const started: Downstream[] = [];
    for (const name of order.start.names) started.push(await startDownstream(name, order.start, authority));
    tell({ started });
  }
  if (order.kill !== undefined) {
    const server = servers.get(order.kill);
    server?.close();
    server?.closeAllConnections();
    tell({ killed: order.kill });
  }
});
process.once('disconnect', () => process.exit());
