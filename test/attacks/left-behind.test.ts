import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { ANNOTATION_OWN_POD_SECURITY, ClusterResource, LABEL_OWNER, ProjectResource } from '#api';
import { type KubeObject, Namespaces, type ResourceType, type WatchEvent, Watcher } from '#runtime';
import { NetworkPolicies, ResourceQuotas } from '../../operators/engagement/policy-kinds.ts';
import { hubNamespacesGone } from '../integration/deleted-clusters.ts';
import { dryRun } from '../integration/policy-hub.ts';
import { namespaceThat } from '../support/cluster-objects.ts';
import { eventually, eventuallyPasses } from '../support/eventually.ts';
import type { UserAnswer } from '../support/token-user.ts';
import { enforced, isGuarded } from './guard.ts';
import { type Id, LEAVING, PEOPLE, renderedLeaving, type Target, type Way } from './leaving.ts';
import { LeavingStage, LIMITS, projectKey, TIGHT } from './leaving-stage.ts';
import { ENFORCE } from './peopled-cluster.ts';
import { breaksOut, plant, yieldsNothing } from './planted.ts';

jest.setTimeout(120_000);

const WITHIN = { timeoutMs: 30_000 };
const WAYS = Object.entries(LEAVING) as [Id, Way][];

let stage: LeavingStage;
/** Of what is asked by dry run. */
let asked: Target;

beforeAll(async () => {
  stage = await LeavingStage.start();
  asked = await stage.given('asked');
}, 120_000);

afterAll(() => stage?.fleet.stop());

test('the table is that of docs/security.md', () => {
  const text = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'security.md'), 'utf8');
  const section = text.split('## Pod security of projects')[1]?.split('\n## ')[0] ?? '';
  expect(section.split('\n').filter(line => line.startsWith('|'))).toEqual(renderedLeaving());
});

/** What of a way its people are answered, and by whom. */
function outcomeOf({ guards }: Way, { status, body }: UserAnswer): string {
  if (status < 300) return 'allowed';
  if (status === 403 && / cannot \w+ resource /.test(body)) return 'forbidden';
  const refused = status === 422 && guards.some(name => body.includes(`ValidatingAdmissionPolicy '${name}'`));
  return refused ? 'refused' : `${status} ${body}`;
}

describe('who may have a namespace leave', () => {
  test.each(WAYS)('%s', async (_id, way) => {
    const answers = async () =>
      await Promise.all(
        PEOPLE.map(async who => outcomeOf(way, await stage.as(who, way.at).send(dryRun(way.request(asked))))),
      );
    const refused = PEOPLE[way.answers.indexOf('refused')];
    if (refused) await enforced({ who: stage.as(refused, way.at), request: way.request(asked) });

    const named = (all: readonly string[]) => Object.fromEntries(PEOPLE.map((who, index) => [who, all[index]]));
    expect(named(await answers())).toEqual(named(way.answers));
  });

  const byGuards = new Map(
    WAYS.filter(([, { guards }]) => guards.length > 0).map(([id, way]) => [way.guards.join(), id]),
  );
  test.each([...byGuards])('it is %s that refuse: %s', async (_guards, id) => {
    const { answers, at, request, guards }: Way = LEAVING[id];
    const who = PEOPLE[answers.indexOf('refused')] ?? 'project owner';
    await isGuarded(stage.sites[at], { who: stage.as(who, at), request: request(asked), guards });
  });
});

/** A way as it is carried out, once, and what stands afterwards. */
type Carry = (target: Target, id: Id) => Promise<void>;

const leavesSafe: Carry = async (target, id) => {
  await stage.carryOut(id, target);
  await stage.isLeftSafe(target.namespace);
};

/** First what is asked; then an administrator or who may removes the label. */
const thenRemoved: Carry = async (target, id) => {
  await stage.carryOut(id, target);
  await stage.carryOut('removed', target);
  await stage.isLeftSafe(target.namespace);
};

const CARRIED: Readonly<Record<Id, Carry>> = {
  removed: leavesSafe,
  emptied: leavesSafe,
  away: async (target, id) => {
    await stage.fleet.whileProjectsDown(() => stage.carryOut(id, target));
    await stage.isLeftSafe(target.namespace);
  },
  unmanaged: async (target, id) => {
    const { namespace } = target;
    await stage.carryOut(id, target);
    await stage.carryOut('removed', target);
    // whose label it is, nobody can tell any more
    await stage.fleet.downstream.mergePatch(Namespaces, { name: namespace }, { metadata: { labels: { team: null } } });
    await stage.isLeftSafe(namespace);
  },
  // one write takes the levels off, too, and by one who may: nothing holds down what was planted
  restored: async (target, id) => {
    await stage.carryOut(id, target);
    await stage.isLeft(target.namespace);
    await breaksOut(stage.fleet.downstream, target.namespace);
  },
  moved: movesLimited,
  ahead: async (target, id) => {
    await stage.carryOut(id, target);
    await stage.isNobodys(target.namespace, LIMITS.length);
    await stage.keepsLevels(target.namespace);
    await yieldsNothing(stage.fleet.downstream, target.namespace);
  },
  made: async (target, id) => {
    const { namespace, absent } = target;
    await stage.carryOut('ahead', target);
    await stage.carryOut(id, target);
    await stage.untilReady(absent);
    await stage.isNobodys(namespace);
    await stage.keepsLevels(namespace);
    await yieldsNothing(stage.fleet.downstream, namespace);
  },
  kube: async (target, id) => {
    const namespace = `kube-${target.project}`;
    await stage.carryOut(id, target);
    await stage.isHers(namespace);
    await plant(stage.olga.client, namespace);
    await stage.carryOut('dropped', target);
    await stage.deleteProject(target.project);
    await stage.isLeftSafe(namespace);
  },
  ended: async (target, id) => {
    await stage.carryOut(id, target);
    await stage.isGoing(target.namespace);
  },
  retained: leavesSafe,
  orphaned: leavesSafe,
  dropped: async (target, id) => {
    await stage.carryOut(id, target);
    await stage.deleteProject(target.project);
    await stage.isGoing(target.namespace);
  },
  paused: thenRemoved,
  lost: async target => {
    await stage.fleet.whileProjectsDown(() => stage.lose(target));
    await stage.carryOut('removed', target);
    await stage.isLeftSafe(target.namespace);
  },
  again: async (target, id) => {
    const again = { ...target, absent: target.project };
    await stage.fleet.whileProjectsDown(async () => {
      await stage.lose(target);
      await stage.carryOut(id, again);
    });
    await stage.untilReady(target.project);
    await stage.deleteProject(target.project);
    await stage.isLeftSafe(target.namespace);
  },
  released: async (target, id) => {
    await stage.carryOut(id, target);
    await stage.fleet.hub.delete(ClusterResource, { name: 'edge-1' });
    await untilClusterGone();
    await stage.isAsItWas(target);
  },
  cleaned: async (target, id) => {
    await stage.carryOut(id, target);
    await untilClusterGone();
    await stage.isLeftSafe(target.namespace, target.project);
  },
};

async function untilClusterGone(): Promise<void> {
  await eventually(async () => (await stage.fleet.hub.find(ClusterResource, { name: 'edge-1' })) === undefined, {
    timeoutMs: 60_000,
    what: 'the Cluster is gone',
  });
}

/** The limits of the one project are replaced by those of the other, and at no moment there are none. */
async function movesLimited(target: Target, id: Id): Promise<void> {
  const { namespace } = target;
  const { fleet } = stage;
  const seen: string[] = [];
  const stop = new AbortController();
  const watches = [Namespaces, NetworkPolicies, ResourceQuotas].map(async type => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const emit = (event: WatchEvent<KubeObject>) => {
      if (event.type === 'InitDone') resolve();
      else if ('object' in event) note(seen, type, namespace, event);
    };
    void new Watcher({ type, emit }).run(fleet.downstream, stop.signal);
    await promise;
  });
  await Promise.all(watches);

  await stage.carryOut(id, target);

  // the LimitRange, which the new project does not have, goes last
  await eventuallyPasses(
    async () => expect(await stage.limitsIn(namespace)).toEqual(['project.weak', 'project.weak']),
    {
      ...WITHIN,
      what: `${namespace} has the limits of weak`,
    },
  );
  await fleet.until(false, stage.olga, 'create pods', namespace);
  await fleet.until(true, stage.person('owner of both projects'), 'create pods', namespace);
  await stage.keepsLevels(namespace);
  await yieldsNothing(fleet.downstream, namespace);
  stop.abort();
  expect(seen).toContain('ResourceQuota of project.weak');
  expect(seen).toContain('NetworkPolicy of project.weak');
  expect(seen.filter(each => /gone|without/.test(each))).toEqual([]);

  // and keeps them when it leaves that
  await stage.relabel(namespace, null);
  await stage.isLeftSafe(namespace);
}

function note(seen: string[], { kind }: ResourceType, namespace: string, event: WatchEvent<KubeObject>): void {
  if (!('object' in event)) return;
  const { metadata } = event.object;
  if (kind === 'Namespace') {
    if (metadata?.name === namespace) seen.push(`Namespace ${metadata.labels?.[ENFORCE] ?? 'without a level'}`);
  } else if (metadata?.namespace === namespace && metadata.name === 'paddock')
    seen.push(`${kind} ${event.type === 'Delete' ? 'gone' : `of ${metadata.labels?.[LABEL_OWNER]}`}`);
}

const OF_CLUSTER: readonly Id[] = ['released', 'cleaned'];

describe('what stands when it has left', () => {
  test.each(WAYS.filter(([id]) => !OF_CLUSTER.includes(id)))('%s', async id => {
    await CARRIED[id](await stage.planted(id), id);
  });
});

test('a stricter label that people set on a member is its own from then on; a looser one is put back', async () => {
  await stage.fleet.project('drift', ['drift-1'], { podSecurity: { enforce: 'baseline' } });
  const labelled = (level: string) =>
    namespaceThat(stage.fleet.downstream, 'drift-1', ({ metadata }) => expect(metadata?.labels?.[ENFORCE]).toBe(level));
  const set = (level: string | null) =>
    stage.fleet.downstream.mergePatch(Namespaces, { name: 'drift-1' }, { metadata: { labels: { [ENFORCE]: level } } });
  await labelled('baseline');
  await set('privileged');
  await labelled('baseline');
  await set('restricted');
  await namespaceThat(stage.fleet.downstream, 'drift-1', ({ metadata }) =>
    expect(metadata?.annotations?.[ANNOTATION_OWN_POD_SECURITY]).toContain('{"enforce":"restricted"'),
  );
  await set(null);
  await labelled('restricted');
  await stage.fleet.hub.mergePatch(ProjectResource, projectKey('drift'), { spec: { podSecurity: null } });
  await set('baseline');
  await labelled('restricted');
  for (const garbage of ['', '{}', '{"enforce":"privileged"}', `"${'x'.repeat(2_000)}"`]) {
    const metadata = { annotations: { [ANNOTATION_OWN_POD_SECURITY]: garbage } };
    await stage.fleet.downstream.mergePatch(Namespaces, { name: 'drift-1' }, { metadata });
    await namespaceThat(stage.fleet.downstream, 'drift-1', ({ metadata: now }) => {
      expect(now?.annotations?.[ANNOTATION_OWN_POD_SECURITY]).toContain('{"enforce":"restricted"');
      expect(now?.labels?.[ENFORCE]).toBe('restricted');
    });
  }
});

// the last ones: the cluster is gone from the hub then
test('what stands when the Cluster is gone', async () => {
  const target = await stage.planted('released');
  await CARRIED.released(target, 'released');

  await hubNamespacesGone(stage.sites.hub, 'edge-1');
  const heartbeat = { interval: '2s', timeout: '6s' };
  await stage.fleet.fleet.importCluster(stage.sites.cluster, { spec: { heartbeat } });
  await stage.fleet.connected('True');
  await stage.fleet.project(target.project, [], TIGHT);
  await CARRIED.cleaned(target, 'cleaned');
});
