import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { KubeConfig } from '@kubernetes/client-node';
import { type ControlPlane, startControlPlane } from '../../../hack/control-plane/control-plane.ts';
import { eventually } from '../eventually.ts';
import { type RawTarget, rawRequest } from '../raw-request.ts';
import { ConfigMaps, FakeApiServer, type FakeKind, Leases, Namespaces, Secrets } from './index.ts';
import { type Digest, runScript } from './parity.ts';
import { PARITY_SCRIPT } from './parity-script.ts';

const Widgets: FakeKind = {
  group: 'test.example.com',
  version: 'v1',
  kind: 'Widget',
  plural: 'widgets',
  namespaced: true,
  statusSubresource: true,
};

const WIDGETS_CRD = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'widgets.test.example.com' },
  spec: {
    group: Widgets.group,
    scope: 'Namespaced',
    names: { kind: 'Widget', plural: 'widgets', singular: 'widget', listKind: 'WidgetList' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
};

/** The fake is worth what it has in common with a stock kube-apiserver. */
describe('the fake API server against a real one', () => {
  let fake: FakeApiServer;
  let real: ControlPlane;
  let target: RawTarget;

  beforeAll(async () => {
    fake = await FakeApiServer.start({
      kinds: [ConfigMaps, Secrets, Namespaces, Leases, Widgets],
      bookmarkIntervalMs: 60_000,
    });
    // without a controller manager nothing else writes to the namespaces under test
    real = await startControlPlane({ name: 'parity', controllerManager: false });
    target = adminOf(real);
    await establish(target);
  }, 1_200_000);

  afterAll(async () => {
    await fake?.stop();
    await real?.stop();
  });

  test('answers the same requests with the same codes, reasons, objects and frames', async () => {
    const [fromFake, fromReal] = await Promise.all([
      runScript({ url: fake.url }, PARITY_SCRIPT),
      runScript(target, PARITY_SCRIPT),
    ]);
    expect(differences(fromFake, fromReal)).toEqual([]);
    expect(fromReal.length).toBeGreaterThan(100);
  });

  test('refuses a watch and a list from a forgotten version alike', async () => {
    await real.restartApiServer(); // its watch cache starts anew
    await real.compactEtcd();
    fake.faults.compact();
    const past = Buffer.from('{"v":"meta.k8s.io/v1","rv":2,"start":"/p1\\u0000"}').toString('base64url');
    const maps = '/api/v1/namespaces/parity/configmaps';
    const script = [
      { path: `${maps}?watch=1&resourceVersion=2&timeoutSeconds=5` },
      { path: `${maps}?resourceVersion=2&resourceVersionMatch=Exact` },
      { path: `${maps}?limit=2&continue=${past}` },
    ];
    const fromFake = await runScript({ url: fake.url }, script);
    expect(differences(fromFake, await runScript(target, script))).toEqual([]);
    expect(fromFake.map(({ status }) => status)).toEqual([200, 410, 410]);
  });
});

function differences(fromFake: readonly Digest[], fromReal: readonly Digest[]): unknown[] {
  return fromReal.flatMap((real, index) => {
    const fake = fromFake[index];
    if (fake?.status === real.status && canonical(fake.answer) === canonical(real.answer)) return [];
    return [
      {
        request: real.request,
        fake: `${fake?.status} ${canonical(fake?.answer)}`,
        real: `${real.status} ${canonical(real.answer)}`,
      },
    ];
  });
}

/** JSON with the fields in order. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

function adminOf(controlPlane: ControlPlane): RawTarget {
  const config = new KubeConfig();
  config.loadFromString(controlPlane.adminKubeconfig);
  const user = config.getCurrentUser();
  const decode = (data: string | undefined) => Buffer.from(data ?? '', 'base64').toString('utf8');
  return {
    url: controlPlane.url,
    tls: { ca: controlPlane.caPem, cert: decode(user?.certData), key: decode(user?.keyData) },
  };
}

async function establish(target: RawTarget): Promise<void> {
  const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
  await rawRequest(target, { method: 'POST', path, body: WIDGETS_CRD });
  const served = async () => (await rawRequest(target, { path: '/apis/test.example.com/v1/widgets' })).status === 200;
  await eventually(served, { timeoutMs: 30_000, what: 'widgets are served' });
}
