import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { LABEL_CLUSTER, LABEL_PROJECT_HOME, LABEL_SHARED } from '#api';
import { Namespaces } from '#runtime';
import { edit, find, WITHIN_MS } from '../support/cluster-objects.ts';
import { eventually } from '../support/eventually.ts';
import { aConfigMap, aNamespace, aSecret, base64, type ContentBuilder, ContentTypes } from '../support/objects.ts';
import { ProjectFleet } from '../support/project-fleet.ts';
import type { ProjectUnderTest } from '../support/project-under-test.ts';
import { enforced, Quotas } from '../support/quotas.ts';

let fleet: ProjectFleet;
beforeAll(async () => {
  fleet = await ProjectFleet.start();
});
afterAll(async () => {
  await fleet?.stop();
});

const ServiceAccounts = {
  group: '',
  version: 'v1',
  kind: 'ServiceAccount',
  plural: 'serviceaccounts',
  namespaced: true,
};

const KIB = 1024;

/** The object is named as refused, everything else of the project proceeds, and all is well once it is gone. */
async function isRefused(project: ProjectUnderTest, secret: ContentBuilder, member: string): Promise<void> {
  await project.settle([member], aSecret('marker'));
  expect(await find(fleet.downstream, secret, member)).toBeUndefined();
  const refused = { namespace: project.home, kind: 'Secret', name: secret.name, reason: 'Refused' };
  await project.status(status =>
    expect(status.shared).toEqual({ objects: 2, copies: 1, pending: 0, conflicts: [refused] }),
  );
  const { message } = await project.condition('SharedReady', 'False', 'Refused');
  expect(message).toContain(`Secret ${project.home}/${secret.name}`);
  await project.deleteSource(secret);
  await project.condition('SharedReady', 'True');
}

const tokenSecret = (name: string) =>
  aSecret(name)
    .ofType('kubernetes.io/service-account-token')
    .withAnnotations({ 'kubernetes.io/service-account.name': 'robot' });

describe('a source that is no one else’s business', () => {
  test.each<[string, string, ContentBuilder]>([
    [
      'a bootstrap token',
      'refused-bootstrap',
      aSecret('bootstrap-token-abcdef').ofType('bootstrap.kubernetes.io/token'),
    ],
    ['a Helm release', 'refused-helm', aSecret('sh.helm.release.v1.x.v1').ofType('helm.sh/release.v1')],
  ])('(%s) is refused and named, while the others proceed', async (_what, name, secret) => {
    const project = await fleet.project(name);
    await project.members([`${name}-1`]);

    await project.share(secret);

    await isRefused(project, secret, `${name}-1`);
  });

  test('(a service account token) is refused at admission; one from before the namespace was a project’s is named', async () => {
    const [project, secret] = [fleet.named('refused-token'), tokenSecret('token')];
    const { home: namespace } = project;
    await fleet.hub.create(Namespaces, {}, { metadata: { name: namespace } });
    await fleet.hub.create(ServiceAccounts, { namespace }, { metadata: { name: 'robot' } });
    await project.share(secret);
    const labels = { [LABEL_CLUSTER]: project.cluster, [LABEL_PROJECT_HOME]: project.name };
    await fleet.hub.mergePatch(Namespaces, { name: namespace }, { metadata: { labels } });
    await fleet.create(project);
    await project.members(['refused-token-1']);

    await isRefused(project, secret, 'refused-token-1');

    await expect(project.share(tokenSecret('another'))).rejects.toThrow('is refused in a cluster');
  });

  test('(the ConfigMap kube-root-ca.crt) is refused, and what Kubernetes keeps there is untouched', async () => {
    const project = await fleet.project('refused-ca');
    await project.members(['refused-ca-1']);
    const configMap = aConfigMap('kube-root-ca.crt');
    const before = await project.copy(configMap, 'refused-ca-1');
    const inHub = () => find(fleet.hub, configMap, project.home);
    await eventually(inHub, {
      timeoutMs: WITHIN_MS,
      what: 'Kubernetes has made one in the project’s namespace as well',
    });

    await project.changeSource(configMap, { metadata: { labels: { [LABEL_SHARED]: 'true' } } });
    await project.settle(['refused-ca-1'], aSecret('marker'));

    await project.status(status =>
      expect(status.shared?.conflicts).toEqual([
        { namespace: project.home, kind: 'ConfigMap', name: 'kube-root-ca.crt', reason: 'Refused' },
      ]),
    );
    expect(await find(fleet.downstream, configMap, 'refused-ca-1')).toEqual(before);
  });

  test('that becomes a refused one takes its copies back', async () => {
    const project = await fleet.project('refused-later');
    await project.members(['refused-later-1']);
    const secret = aSecret('release');
    await project.share(secret);
    await project.copy(secret, 'refused-later-1');

    await project.recreateSource(secret.ofType('helm.sh/release.v1'));

    await project.noCopy(secret, 'refused-later-1');
    await project.condition('SharedReady', 'False', 'Refused');
  });
});

describe('a copy that can not be', () => {
  test('too large with our annotations is named, while the others proceed', async () => {
    const project = await fleet.project('large');
    const members = ['large-1', 'large-2'];
    await project.members(members);
    // Kubernetes takes 256 KiB of keys and values; the copy carries ours in addition
    const key = 'example.com/note';
    const secret = aSecret('large').withAnnotations({ [key]: 'x'.repeat(256 * KIB - key.length) });

    await project.share(secret);
    await project.settle(members, aConfigMap('marker'));

    await project.status(status =>
      expect(status.shared).toEqual({
        objects: 2,
        copies: 2,
        pending: 0,
        conflicts: members.map(namespace => ({ namespace, kind: 'Secret', name: 'large', reason: 'TooLarge' })),
      }),
    );
    await project.condition('SharedReady', 'False', 'TooLarge');
    await project.event('CopyTooLarge', 'large-1');
    await project.changeSource(secret, { metadata: { annotations: { [key]: 'short' } } });
    for (const member of members) await project.copy(secret, member);
    await project.condition('SharedReady', 'True');
  });

  test('as large as Kubernetes allows is copied, follows its source and is restored', async () => {
    const project = await fleet.project('limit');
    await project.members(['limit-1']);
    const secret = aSecret('limit')
      .withData({ blob: 'x'.repeat(KIB * KIB) })
      .withAnnotations({ 'example.com/note': 'x'.repeat(255 * KIB) });

    await project.share(secret);
    await project.copy(secret, 'limit-1', ({ data }) => data?.blob?.length === Math.ceil((KIB * KIB) / 3) * 4);
    await project.changeSource(secret, { data: { blob: base64('y'.repeat(KIB * KIB)) } });
    await project.copy(secret, 'limit-1', ({ data }) => data?.blob?.startsWith(base64('yyy')));
    await edit(fleet.downstream, secret, 'limit-1', { data: { blob: null } });

    await project.copy(secret, 'limit-1', ({ data }) => data?.blob?.startsWith(base64('yyy')));
    await project.condition('SharedReady', 'True');
  });

  test('forbidden by a quota is named, while other namespaces and kinds proceed', async () => {
    const project = await fleet.project('quota');
    const [full, roomy] = ['quota-full', 'quota-roomy'];
    await fleet.downstream.create(Namespaces, {}, aNamespace(full));
    const quota = { metadata: { name: 'none' }, spec: { hard: { 'count/secrets': '0' } } };
    await fleet.downstream.create(Quotas, { namespace: full }, quota);
    await enforced(fleet.downstream, full, 'none');
    await project.members([roomy]);
    const [secret, configMap] = [aSecret('db'), aConfigMap('colors')];
    await project.share(secret, configMap);
    await project.copy(secret, roomy);

    await project.attach(full);

    await project.copy(configMap, full);
    await project.status(status =>
      expect(status.shared).toEqual({
        objects: 2,
        copies: 3,
        pending: 0,
        conflicts: [{ namespace: full, kind: 'Secret', name: 'db', reason: 'Forbidden' }],
      }),
    );
    const { message } = await project.condition('SharedReady', 'False', 'Forbidden');
    expect(message).toContain('exceeded quota');
    await project.event('CopyForbidden', full);
    await fleet.downstream.delete(Quotas, { namespace: full, name: 'none' });
    await fleet.downstream.mergePatch(Namespaces, { name: full }, { metadata: { labels: { touched: 'yes' } } });
    await project.copy(secret, full);
    await project.condition('SharedReady', 'True');
  });

  test('and its conflict end with the namespace', async () => {
    const project = await fleet.project('vanishing');
    await project.members(['vanishing-1']);
    const secret = aSecret('db');
    await fleet.downstream.create(ContentTypes.Secret, { namespace: 'vanishing-1' }, secret.build('vanishing-1'));
    await project.share(secret);
    await project.condition('SharedReady', 'False', 'Conflict');

    await fleet.downstream.delete(Namespaces, { name: 'vanishing-1' });

    await project.status(status => expect(status.shared).toMatchObject({ copies: 0, pending: 0, conflicts: [] }));
    await project.condition('Ready', 'True');
  });
});
