import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type GenericClass, K8s, kind } from 'kubernetes-fluent-client';
import { Namespaces } from '#runtime';
import { Cluster, ClusterAccess, Project, RoleTemplate, RoleTemplateBinding } from '../../api/fluent.ts';
import { eventuallyPasses } from '../support/eventually.ts';
import { aNamespace, base64, ContentTypes } from '../support/objects.ts';
import { ProjectFleet } from '../support/project-fleet.ts';

const HOME = 'p-edge-1--payments';
const WITHIN_MS = 20_000;

let fleet: ProjectFleet;
let dir: string;
beforeAll(async () => {
  fleet = await ProjectFleet.start();
  dir = mkdtempSync(join(tmpdir(), 'paddock-fluent-'));
  // the library reads whatever kubectl would
  process.env.KUBECONFIG = join(dir, 'kubeconfig');
  writeFileSync(process.env.KUBECONFIG, fleet.fleet.hub.controlPlane.adminKubeconfig, { mode: 0o600 });
});
afterAll(async () => {
  await fleet?.stop();
  rmSync(dir, { recursive: true, force: true });
});

test('a Project is applied, read and deleted by kubernetes-fluent-client, typed', async () => {
  await fleet.downstream.create(Namespaces, {}, aNamespace('payments-1', { project: 'payments' }));
  const applied = await K8s(Project).Apply({
    metadata: { namespace: 'c-edge-1', name: 'payments' },
    spec: { displayName: 'Payments' },
  });
  expect(applied.spec.displayName).toBe('Payments');

  const projects = K8s(Project).InNamespace('c-edge-1');
  await eventuallyPasses(async () => expect((await projects.Get('payments')).status?.namespace).toBe(HOME), {
    timeoutMs: WITHIN_MS,
    what: 'the Project has its namespace',
  });
  const labels = { 'paddock.dev/shared': 'true' };
  await K8s(kind.Secret).Apply({ metadata: { namespace: HOME, name: 'token', labels }, data: { value: base64('1') } });
  await eventuallyPasses(
    async () => {
      const copy = await fleet.downstream.get(ContentTypes.Secret, { namespace: 'payments-1', name: 'token' });
      expect(copy.data).toEqual({ value: base64('1') });
    },
    { timeoutMs: WITHIN_MS, what: 'the Secret is copied' },
  );

  await K8s(Project).InNamespace('c-edge-1').Delete('payments');
  await eventuallyPasses(
    async () =>
      expect((await K8s(Project).InNamespace('c-edge-1').Get()).items.map(({ metadata }) => metadata?.name)).toEqual(
        [],
      ),
    { timeoutMs: WITHIN_MS, what: 'the Project is gone' },
  );
});

test('every kind is known to it by its group, version and plural', async () => {
  for (const model of [Cluster, Project, RoleTemplate, RoleTemplateBinding, ClusterAccess]) await listed(model);

  const { items: clusters } = await K8s(Cluster).Get();
  expect(clusters.map(({ metadata, spec }) => [metadata?.name, Object.keys(spec.connection)])).toEqual([
    ['edge-1', ['kubeconfig']],
  ]);
  const { items: templates } = await K8s(RoleTemplate).Get();
  expect(templates.map(({ metadata }) => metadata?.name)).toContain('project-owner');
  for (const model of [RoleTemplateBinding, ClusterAccess])
    expect((await K8s(model).InNamespace('c-edge-1').Get()).items).toEqual([]);
});

/** An API server that has just got a kind refuses its first lists with 429, which the library does not try again. */
async function listed(model: GenericClass): Promise<void> {
  await eventuallyPasses(async () => void (await K8s(model).Get()), {
    timeoutMs: WITHIN_MS,
    what: `${model.name} is listed`,
  });
}
