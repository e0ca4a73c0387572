import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as yaml from 'js-yaml';
import { type Cluster, clusterNamespace } from '#api';
import type { KubeObject } from '#runtime';
import { agentRights, projectRights } from '../../operators/cluster/registration/rights.ts';
import {
  asAgent,
  C_OTHER,
  C_OWN,
  core,
  get,
  leases,
  ONLY,
  OTHER,
  OWN,
  P_OTHER,
  P_OWN,
  PADDOCK,
  paddock,
  patch,
  post,
  put,
  remove,
  tokenRequest,
  word,
} from '../integration/agent-requests.ts';
import type { Rule } from '../integration/policy-hub.ts';
import { eventually } from '../support/eventually.ts';
import { SecretType } from '../support/fleet.ts';
import { base64 } from '../support/objects.ts';
import { mintToken, TokenUser, type UserRequest } from '../support/token-user.ts';
import { AgentHub } from './agent-hub.ts';
import { asAdmin, enforced } from './guard.ts';

const ROOT = join(import.meta.dirname, '..', '..');

/** A right of who has an agent's token, such as `c- update secrets`. */
type Right = string;

interface Role extends KubeObject {
  readonly rules?: readonly Rule[];
  readonly roleRef?: { readonly name: string };
  readonly subjects?: readonly { readonly name: string }[];
}

/** All rights that the cluster operator gives an agent, by what binds them. */
function derivedRights(): Right[] {
  const cluster: Cluster = {
    apiVersion: 'paddock.dev/v1alpha1',
    kind: 'Cluster',
    metadata: { name: OWN, uid: 'uid' },
    spec: { connection: { agent: {} } },
  };
  const given = [...agentRights(cluster, 'hub'), projectRights(cluster, 'hub', P_OWN)].map(
    ({ intent }) => intent as Role,
  );
  const defined = yaml.loadAll(readFileSync(join(ROOT, 'manifests', 'rbac', 'agent.yaml'), 'utf8')) as Role[];
  const roles = new Map([...defined, ...given.filter(({ rules }) => rules)].map(role => [role.metadata?.name, role]));
  return given
    .filter(({ roleRef }) => roleRef)
    .flatMap(binding => {
      const { rules } = roles.get(binding.roleRef?.name) ?? {};
      if (!rules) throw new Error(`ClusterRole ${binding.roleRef?.name} is not defined`);
      return rules.flatMap(rule => rightsOf(whereOf(binding), rule));
    });
}

function whereOf({ metadata, roleRef, subjects }: Role): string {
  if (subjects?.some(({ name }) => name === 'registration')) return 'manifest';
  if (metadata?.namespace === undefined) return roleRef?.name === `paddock-agent:${OWN}` ? 'own Cluster' : 'hub';
  return metadata.namespace === clusterNamespace(OWN) ? 'c-' : 'p-';
}

function rightsOf(where: string, { apiGroups, resources, verbs, resourceNames }: Rule): Right[] {
  // that of its own Cluster is of one name
  const names = where === 'own Cluster' ? [] : (resourceNames ?? []);
  if (where === 'own Cluster') expect(resourceNames).toEqual([OWN]);
  return verbs.flatMap(verb =>
    apiGroups.flatMap(group =>
      resources.map(resource => [where, verb, group === '' ? resource : `${resource}.${group}`, ...names].join(' ')),
    ),
  );
}

interface Line {
  readonly id: string;
  readonly rights: readonly Right[];
  readonly worst: string;
}

/** The table of operators/agent/README.md. */
function table(): Line[] {
  const text = readFileSync(join(ROOT, 'operators', 'agent', 'README.md'), 'utf8');
  const section = text.split('### What a stolen credential reaches')[1] ?? '';
  const rows = section.split('\n').filter(row => /^\| (hub|own Cluster|c-|p-|manifest) /.test(row));
  return rows.map(row => {
    const [, where = '', verbs = '', resources = '', worst = ''] = row.split('|').map(cell => cell.trim());
    const rights = verbs.split(', ').flatMap(verb => resources.split(', ').map(what => `${where} ${verb} ${what}`));
    return { id: `${where} ${verbs} ${resources.split(', ')[0]}`, rights, worst };
  });
}

let hub: AgentHub;
let before: string;
beforeAll(async () => {
  hub = await AgentHub.start();
  await hub.ask('alices');
  await eventually(async () => (await hub.read('alices')).status?.tokenSecret !== undefined, {
    timeoutMs: 30_000,
    what: 'alices waits for a token',
  });
  await enforced({
    who: hub.agent,
    request: put(core(C_OWN, 'secrets/kubeconfig'), { metadata: { name: 'kubeconfig' } }),
  });
  await enforced({ who: hub.agent, request: post(asAgent(leases(C_OWN)), { metadata: { name: 'mine' } }) });
  await enforced({ who: hub.agent, request: post(asAgent(EVENTS), anEvent({ reportingController: 'kubelet' })) });
  await enforced({ who: hub.agent, request: status('clusters', { namespace: 'c-forged' }) });
  await enforced({ who: hub.agent, request: tokenRequest({}) });
  before = await otherCluster();
}, 180_000);
afterAll(() => hub?.close());

/** What the other cluster has in the hub, without what is said of it meanwhile. */
async function otherCluster(): Promise<string> {
  const paths = [
    ...['secrets', 'serviceaccounts'].map(kind => core(C_OTHER, kind)),
    ...['projects', 'roletemplatebindings', 'clusteraccesses'].map(kind => paddock(C_OTHER, kind)),
    ...['secrets', 'configmaps'].map(kind => core(P_OTHER, kind)),
    leases(C_OTHER),
  ];
  const lists = await Promise.all(paths.map(path => asAdmin(hub.fleet.hub, get(path))));
  return JSON.stringify(
    lists.map(({ items }) =>
      (items as { metadata: object; status?: object }[]).map(({ metadata, status: _status, ...rest }) => [
        Reflect.get(metadata, 'name'),
        rest,
      ]),
    ),
  );
}

const EVENTS = `/apis/events.k8s.io/v1/namespaces/${C_OWN}/events`;
/** As long as an apply takes keys. */
const LONG_NAMES = Object.fromEntries(
  Array.from({ length: 900 }, (_, index) => [`n${index}${'x'.repeat(900)}`, { pods: '1' }]),
);
const BIG = 'x'.repeat(100_000);

function anEvent(more: object = {}) {
  return {
    metadata: { name: 'agent-7' },
    eventTime: '2026-01-01T00:00:00.000000Z',
    type: 'Normal',
    reason: 'Test',
    action: 'Test',
    note: 'x',
    reportingController: 'paddock.dev/agent',
    reportingInstance: 'a',
    regarding: { apiVersion: 'paddock.dev/v1alpha1', kind: 'Project', namespace: C_OWN, name: 'payments' },
    ...more,
  };
}

const CONDITION = {
  status: 'True',
  reason: 'Forged',
  message: 'x',
  lastTransitionTime: '2026-01-01T00:00:00Z',
} as const;
const withCondition = (path: string, type: string, more: object = {}) =>
  word(`${path}/status`, { conditions: [{ ...CONDITION, type, ...more }] });
const status = (kind: string, body: object) => {
  const at = { clusters: `${PADDOCK}/clusters/${OWN}` }[kind] ?? paddock(C_OWN, kind);
  return word(`${at}/status`, body);
};

type Outcome = 'allowed' | 'forbidden' | 'refused' | 'absent';
type Try = readonly [outcome: Outcome, what: string, request: () => UserRequest | Promise<UserRequest>];

const OUTCOMES: Readonly<Record<Outcome, (code: number) => boolean>> = {
  allowed: code => code < 300,
  forbidden: code => code === 403,
  refused: code => code === 422,
  absent: code => code === 404 || code === 409,
};

const reading = (resources: readonly string[]): Try[] =>
  resources.flatMap((kind): Try[] => [
    ['allowed', `lists ${kind} of its cluster`, () => get(paddock(C_OWN, kind))],
    ['forbidden', `lists ${kind} of another`, () => get(paddock(C_OTHER, kind))],
    ['forbidden', `lists all ${kind}`, () => get(`${PADDOCK}/${kind}`)],
    ['forbidden', `watches all ${kind}`, () => get(`${PADDOCK}/${kind}?watch=true&timeoutSeconds=1`)],
    ['forbidden', `deletes all ${kind} of its cluster`, () => remove(paddock(C_OWN, kind))],
    ['forbidden', `creates one of ${kind}`, () => post(paddock(C_OWN, kind), { metadata: { name: 'mine' } })],
  ]);

const place = async () => `access-token-${(await hub.read('alices')).metadata.uid}`;
/** What is in the Secret for a token, with something else. */
const placed = async (more: object) => {
  const name = await place();
  const { labels, annotations, ownerReferences } = (await hub.secret(name))?.metadata ?? {};
  const metadata = { name, labels, annotations, ownerReferences };
  return put(core(C_OWN, `secrets/${name}`), { metadata, type: 'Opaque', ...more });
};

const TRIES: Readonly<Record<string, readonly Try[]>> = {
  'hub get, list, watch roletemplates.paddock.dev': [
    ['allowed', 'lists RoleTemplates', () => get(`${PADDOCK}/roletemplates`)],
    ['forbidden', 'changes one', () => patch(`${PADDOCK}/roletemplates/cluster-owner`, { spec: { locked: true } })],
    [
      'forbidden',
      'says something of one',
      () => patch(`${PADDOCK}/roletemplates/cluster-owner/status`, { status: {} }),
    ],
    ['forbidden', 'creates one', () => post(`${PADDOCK}/roletemplates`, { metadata: { name: 'mine' } })],
  ],
  'own Cluster get, list, watch clusters.paddock.dev': [
    ['allowed', 'reads its Cluster', () => get(`${PADDOCK}/clusters/${OWN}`)],
    ['allowed', 'lists it by name', () => get(`${PADDOCK}/clusters?${ONLY(OWN)}`)],
    ['forbidden', 'reads another', () => get(`${PADDOCK}/clusters/${OTHER}`)],
    ['forbidden', 'lists all', () => get(`${PADDOCK}/clusters`)],
    ['forbidden', 'changes it', () => patch(`${PADDOCK}/clusters/${OWN}`, { metadata: { labels: { a: 'b' } } })],
    ['forbidden', 'deletes it', () => remove(`${PADDOCK}/clusters/${OWN}`)],
  ],
  'own Cluster patch clusters/status.paddock.dev': [
    ['allowed', 'tells a false version', () => status('clusters', { version: 'v9.9.9' })],
    [
      'refused',
      'forges its registration',
      () => status('clusters', { registration: { expiresAt: '2999-01-01T00:00:00Z' } }),
    ],
    ['refused', 'forges its health', () => withCondition(`${PADDOCK}/clusters/${OWN}`, 'Connected')],
    ['refused', 'forges that it is cleaned', () => withCondition(`${PADDOCK}/clusters/${OWN}`, 'Cleaned')],
    [
      'forbidden',
      'says it of another',
      () => patch(`${PADDOCK}/clusters/${OTHER}/status`, { status: { version: 'v9' } }),
    ],
  ],
  'c- get, list, watch projects.paddock.dev': reading(['projects', 'roletemplatebindings', 'clusteraccesses']),
  'c- patch projects/status.paddock.dev': [
    ['allowed', 'tells that it is Ready', () => withCondition(paddock(C_OWN, 'projects/payments'), 'Ready')],
    ['refused', 'tells that it is being deleted', () => withCondition(paddock(C_OWN, 'projects/payments'), 'Deleting')],
    [
      'refused',
      'fills it',
      () => status('projects/payments', { conditions: [{ ...CONDITION, type: 'Ready', message: 'x'.repeat(30_000) }] }),
    ],
    [
      'refused',
      'tells that nothing of it is left',
      () => withCondition(paddock(C_OWN, 'projects/payments'), 'Detached'),
    ],
    ['refused', 'fills it with names', () => status('projects/payments', { quota: { namespaces: LONG_NAMES } })],
    ['forbidden', 'says it of another', () => patch(paddock(C_OTHER, 'projects/payments/status'), { status: {} })],
    [
      'forbidden',
      'takes finalizers off',
      () => patch(paddock(C_OWN, 'projects/payments'), { metadata: { finalizers: [] } }),
    ],
    ['forbidden', 'deletes it', () => remove(paddock(C_OWN, 'projects/payments'))],
  ],
  'c- patch roletemplatebindings/status.paddock.dev': [
    [
      'allowed',
      'tells that it is in force',
      () => withCondition(paddock(C_OWN, 'roletemplatebindings/readers'), 'Applied'),
    ],
    [
      'refused',
      'tells that it is revoked before it is deleted',
      () => withCondition(paddock(C_OWN, 'roletemplatebindings/readers'), 'Revoked'),
    ],
    [
      'refused',
      'tells that it is in force as it will be changed',
      () => withCondition(paddock(C_OWN, 'roletemplatebindings/readers'), 'Applied', { observedGeneration: 99 }),
    ],
    [
      'refused',
      'tells it as a field manager whose words no other agent takes back',
      () =>
        word(
          paddock(C_OWN, 'roletemplatebindings/readers/status'),
          { conditions: [{ ...CONDITION, type: 'Applied' }] },
          'thief',
        ),
    ],
    [
      'refused',
      'tells it by a patch',
      () =>
        patch(`${paddock(C_OWN, 'roletemplatebindings/readers/status')}?fieldManager=paddock-agent-rbac`, {
          status: { conditions: [{ ...CONDITION, type: 'Applied', reason: 'Patched' }] },
        }),
    ],
    ['refused', 'tells that it is Ready', () => withCondition(paddock(C_OWN, 'roletemplatebindings/readers'), 'Ready')],
    [
      'refused',
      'tells that its template is deleted',
      () => withCondition(paddock(C_OWN, 'roletemplatebindings/readers'), 'RoleTemplateDeleted'),
    ],
    [
      'forbidden',
      'binds somebody',
      () => patch(paddock(C_OWN, 'roletemplatebindings/readers'), { spec: { subjects: [] } }),
    ],
    [
      'forbidden',
      'says it of another',
      () => patch(paddock(C_OTHER, 'roletemplatebindings/readers/status'), { status: {} }),
    ],
  ],
  'c- patch clusteraccesses/status.paddock.dev': [
    [
      'allowed',
      'tells what is on its cluster',
      () => withCondition(paddock(C_OWN, 'clusteraccesses/alices'), 'Issued'),
    ],
    ['refused', 'lets it last longer', () => status('clusteraccesses/alices', { expiresAt: '2999-01-01T00:00:00Z' })],
    ['refused', 'names another Secret', () => status('clusteraccesses/alices', { secretRef: { name: 'kubeconfig' } })],
    ['refused', 'tells that it expired', () => withCondition(paddock(C_OWN, 'clusteraccesses/alices'), 'Ready')],
    ['forbidden', 'asks for one', () => post(paddock(C_OWN, 'clusteraccesses'), { metadata: { name: 'mine' } })],
    ['forbidden', 'deletes it', () => remove(paddock(C_OWN, 'clusteraccesses/alices'))],
  ],
  'c- patch etcdbackups/status.paddock.dev': [
    ['absent', 'says something of a backup', () => status('etcdbackups/nightly', {})],
    ['forbidden', 'says it of another’s', () => patch(paddock(C_OTHER, 'etcdbackups/nightly/status'), { status: {} })],
  ],
  'c- update secrets': [
    [
      'refused',
      'replaces a kubeconfig',
      () => put(core(C_OWN, 'secrets/kubeconfig'), { metadata: { name: 'kubeconfig' } }),
    ],
    [
      'refused',
      'replaces its registration',
      () => put(core(C_OWN, 'secrets/registration'), { metadata: { name: 'registration' } }),
    ],
    [
      'refused',
      'replaces agent-credential',
      () => put(core(C_OWN, 'secrets/agent-credential'), { metadata: { name: 'agent-credential' } }),
    ],
    [
      'refused',
      'puts a kubeconfig into the Secret for a token',
      () => placed({ data: { kubeconfig: base64('exec') } }),
    ],
    ['refused', 'puts 1 MB there', () => placed({ data: { token: base64(`eyJ${'x'.repeat(700_000)}`) } })],
    [
      'allowed',
      'puts a token there that is none',
      () => placed({ data: { token: base64('eyJhIjoxfQ.eyJhIjoxfQ.c2ln') } }),
    ],
    [
      'absent',
      'makes a Secret by replacing none',
      () => put(core(C_OWN, 'secrets/access-token-x'), { metadata: { name: 'access-token-x' } }),
    ],
    ['forbidden', 'creates a Secret', () => post(core(C_OWN, 'secrets'), { metadata: { name: 'access-token-x' } })],
    ['forbidden', 'deletes one', async () => remove(core(C_OWN, `secrets/${await place()}`))],
    ['forbidden', 'reads one', async () => get(core(C_OWN, `secrets/${await place()}`))],
    ['forbidden', 'reads one by a patch', async () => patch(core(C_OWN, `secrets/${await place()}`), {})],
    ['forbidden', 'lists them', () => get(core(C_OWN, 'secrets'))],
    [
      'forbidden',
      'replaces one of another',
      () => put(core(C_OTHER, 'secrets/kubeconfig'), { metadata: { name: 'kubeconfig' } }),
    ],
  ],
  'c- get, list, watch, create, patch leases.coordination.k8s.io': [
    ['allowed', 'lists those of its cluster', () => get(leases(C_OWN))],
    [
      'allowed',
      'forges a heartbeat',
      () => patch(asAgent(`${leases(C_OWN)}/heartbeat`), { spec: { holderIdentity: 'thief' } }),
    ],
    [
      'refused',
      'fills one',
      () => patch(asAgent(`${leases(C_OWN)}/heartbeat`), { metadata: { annotations: { big: BIG } } }),
    ],
    ['refused', 'creates one of another name', () => post(asAgent(leases(C_OWN)), { metadata: { name: 'mine' } })],
    [
      'refused',
      'takes one for 68 years',
      () => patch(asAgent(`${leases(C_OWN)}/heartbeat`), { spec: { leaseDurationSeconds: 2_147_483_647 } }),
    ],
    [
      'refused',
      'brings its counter to the end',
      () => patch(asAgent(`${leases(C_OWN)}/heartbeat`), { spec: { leaseTransitions: 2_147_483_647 } }),
    ],
    [
      'refused',
      'fills one with field managers',
      () => patch(`${leases(C_OWN)}/heartbeat?fieldManager=m41`, { spec: { holderIdentity: 'thief' } }),
    ],
    [
      'refused',
      'tells of the use of many manifests',
      () => post(asAgent(leases(C_OWN)), { metadata: { name: 'registration-1' } }),
    ],
    [
      'refused',
      'has one collected with another object',
      () =>
        patch(asAgent(`${leases(C_OWN)}/heartbeat`), {
          metadata: { ownerReferences: [{ apiVersion: 'v1', kind: 'Secret', name: 'x', uid: 'x' }] },
        }),
    ],
    [
      'refused',
      'keeps one for ever',
      () => patch(asAgent(`${leases(C_OWN)}/heartbeat`), { metadata: { finalizers: ['a.example/b'] } }),
    ],
    ['forbidden', 'deletes one', () => remove(`${leases(C_OWN)}/heartbeat`)],
    ['forbidden', 'forges the heartbeat of another', () => patch(`${leases(C_OTHER)}/heartbeat`, { spec: {} })],
    [
      'forbidden',
      'takes the lease of an operator',
      () => patch(`${leases('paddock-system')}/paddock-rbac`, { spec: {} }),
    ],
  ],
  'c- create serviceaccounts/token agent': [
    ['refused', 'has a token bound to nothing', () => tokenRequest({ name: '' })],
    ['refused', 'has one for a year', () => tokenRequest({ seconds: 31_536_000, uid: credential })],
    ['allowed', 'has one for a week', () => tokenRequest({ seconds: 604_800, uid: credential })],
    ['forbidden', 'has one of another account', () => tokenRequest({ account: 'registration', uid: credential })],
    ['forbidden', 'has one of the agent of another', () => tokenRequest({ namespace: C_OTHER })],
    [
      'forbidden',
      'has one of an operator',
      () => tokenRequest({ namespace: 'paddock-system', account: 'paddock-rbac' }),
    ],
  ],
  'c- create, patch events.events.k8s.io': [
    ['allowed', 'records an Event', () => post(asAgent(EVENTS), anEvent())],
    [
      'refused',
      'records one as somebody else',
      () => post(asAgent(EVENTS), anEvent({ reportingController: 'paddock.dev/rbac' })),
    ],
    [
      'refused',
      'records more than a thousand',
      () => post(asAgent(EVENTS), anEvent({ metadata: { name: 'agent-1000' } })),
    ],
    [
      'refused',
      'fills one by what it is about',
      () =>
        post(asAgent(EVENTS), anEvent({ metadata: { name: 'agent-8' }, regarding: { kind: 'Project', name: BIG } })),
    ],
    [
      'refused',
      'fills one',
      () => post(asAgent(EVENTS), anEvent({ metadata: { name: 'agent-8', annotations: { big: BIG } } })),
    ],
    [
      'refused',
      'fills one that is there',
      () => patch(asAgent(`${EVENTS}/agent-7`), { metadata: { annotations: { big: BIG } } }),
    ],
    ['forbidden', 'records one with another', () => post(EVENTS.replace(C_OWN, C_OTHER), anEvent())],
    ['forbidden', 'records one by the older API', () => post(core(C_OWN, 'events'), { metadata: { name: 'old' } })],
  ],
  'p- get, list, watch secrets': [
    ['allowed', 'lists Secrets of its project', () => get(core(P_OWN, 'secrets'))],
    ['allowed', 'lists ConfigMaps of its project', () => get(core(P_OWN, 'configmaps'))],
    ['forbidden', 'lists those of another', () => get(core(P_OTHER, 'secrets'))],
    ['forbidden', 'shares one', () => post(core(P_OWN, 'secrets'), { metadata: { name: 'mine' } })],
  ],
  'p- get namespaces': [
    ['allowed', 'reads the namespace of its project', () => get(`/api/v1/namespaces/${P_OWN}`)],
    ['forbidden', 'reads that of another', () => get(`/api/v1/namespaces/${P_OTHER}`)],
    ['forbidden', 'labels it', () => patch(`/api/v1/namespaces/${P_OWN}`, { metadata: { labels: { a: 'b' } } })],
  ],
  'p- get, list, watch roletemplatebindings.paddock.dev': [
    ['allowed', 'lists the bindings of its project', () => get(paddock(P_OWN, 'roletemplatebindings'))],
    ['forbidden', 'lists those of another', () => get(paddock(P_OTHER, 'roletemplatebindings'))],
  ],
  'p- patch roletemplatebindings/status.paddock.dev': [
    [
      'absent',
      'says something of one',
      () => patch(paddock(P_OWN, 'roletemplatebindings/none/status'), { status: {} }),
    ],
    [
      'forbidden',
      'says it of another’s',
      () => patch(paddock(P_OTHER, 'roletemplatebindings/none/status'), { status: {} }),
    ],
  ],
};

let credential: string | undefined;

describe('who has stolen an agent’s credential', () => {
  beforeAll(async () => {
    credential = (await hub.secret('agent-credential'))?.metadata?.uid;
  });

  test('has the rights of the table, and no other', () => {
    const lines = table();

    expect(lines.flatMap(({ rights }) => rights).sort()).toEqual([...new Set(derivedRights())].sort());
    for (const { id, worst } of lines) expect([id, worst]).not.toEqual([id, '']);
    const tried = [...Object.keys(TRIES), 'manifest create serviceaccounts/token agent'];
    expect(lines.map(({ id }) => id).sort()).toEqual(tried.sort());
  });

  const all = Object.entries(TRIES).flatMap(([line, tries]) =>
    tries.map(([outcome, what, request]) => [line, what, outcome, request] as const),
  );
  test.each(all)('%s: %s: %s', async (_line, _what, outcome, request) => {
    // the operators write, too: a change of what is there is made of what is there
    const answer = await eventually(
      async () => {
        const given = await hub.agent.send(await request());
        return given.status === 409 && outcome !== 'absent' ? undefined : given;
      },
      { timeoutMs: 20_000, what: 'the request is of what is there' },
    );
    expect([answer.body, OUTCOMES[outcome](answer.status)]).toEqual([answer.body, true]);
  });

  test('fills the hub with no Secrets: none of a hundred of 1 MB is stored', async () => {
    const secrets = async () => (await hub.fleet.hub.client.list(SecretType, { namespace: C_OWN })).items.length;
    const had = await secrets();
    const one = (index: number) => ({
      metadata: { name: `access-token-${index}` },
      data: { token: base64('x'.repeat(700_000)) },
    });
    const answers: number[] = [];
    for (let index = 0; index < 100; index += 1)
      answers.push((await hub.agent.send(post(core(C_OWN, 'secrets'), one(index)))).status);

    expect(new Set(answers)).toEqual(new Set([403]));
    expect(await secrets()).toBe(had);
  });

  test('has a token of a manifest that is not used yet: it is good for one of the agent, and nothing else', async () => {
    const boundTo = await hub.fleet.hub.client.get(SecretType, { namespace: C_OTHER, name: 'registration' });
    const token = await mintToken(hub.fleet.hub, { namespace: C_OTHER, account: 'registration', boundTo });
    const bearer = new TokenUser(hub.fleet.hub, token);
    const uid = (await hub.fleet.hub.client.get(SecretType, { namespace: C_OTHER, name: 'agent-credential' })).metadata
      ?.uid;
    try {
      expect((await bearer.send(tokenRequest({ namespace: C_OTHER, uid }))).status).toBe(201);
      expect((await bearer.send(tokenRequest({ uid: credential }))).status).toBe(403);
      for (const path of [core(C_OTHER, 'secrets'), paddock(C_OTHER, 'projects'), leases(C_OTHER)])
        expect((await bearer.send(get(path))).status).toBe(403);
    } finally {
      await bearer.close();
    }
  });

  test('has changed nothing of another cluster', async () => {
    expect(await otherCluster()).toBe(before);
  });
});
