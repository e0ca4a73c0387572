import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Leases, type ResourceType } from '#runtime';
import { installManifests } from '../../hack/dev/hub-objects.ts';
import type { Lease } from '../../runtime/leader.ts';
import { eventually } from '../support/eventually.ts';
import { Fleet } from '../support/fleet.ts';
import { type OperatorProcess, OperatorProcesses } from '../support/operator-process.ts';
import { AuditedSite, describeRequest, isWrite } from './audit.ts';
import { alike, type Picture, untilPicture } from './picture.ts';
import { Stage } from './stage.ts';

const COUNT = 300;
/** The lease is good for 15 s after the last renewal that the others saw, and they look every 2 s or so. */
const LEASE_MS = 15_000;
const MARGIN_MS = 10_000;
const WITHIN = { timeoutMs: 60_000 };
const LeaseType: ResourceType<Lease> = Leases;

let audited: AuditedSite;
let fleet: Fleet;
let processes: OperatorProcesses;

beforeAll(async () => {
  // the hub is the downstream too, so that one log tells all that either process does
  [audited, processes] = await Promise.all([AuditedSite.start('hub'), OperatorProcesses.prepare()]);
  await installManifests(audited.site.controlPlane);
  fleet = new Fleet(audited.site, [{ ...audited.site, name: 'local' }]);
  fleet.start(['cluster']);
  await fleet.importLocal();
  await fleet.connected('local');
}, 120_000);

afterAll(async () => {
  await processes?.stop();
  await fleet?.hub.client.transport.close();
  await fleet?.stop();
  audited?.forget();
});

/** A project operator with the rights of its service account; the group tells it from its like in the log. */
function startContender(identity: string): OperatorProcess {
  const user = 'system:serviceaccount:paddock-system:paddock-project';
  const groups = ['system:serviceaccounts', 'system:serviceaccounts:paddock-system', 'system:authenticated', identity];
  const kubeconfig = audited.site.controlPlane.kubeconfigFor({ user, groups });
  return processes.start({ operators: ['project'], kubeconfig, identity });
}

function writesOf(identity: string, since: Date): string[] {
  const events = audited.requests(since, ({ groups = [] }) => groups.includes(identity));
  return events.filter(isWrite).map(describeRequest);
}

async function untilLeader(identity: string, timeoutMs: number): Promise<void> {
  const holder = async () => {
    const lease = await fleet.hub.client.find(LeaseType, { namespace: 'paddock-system', name: 'paddock-project' });
    return lease?.spec?.holderIdentity;
  };
  await eventually(async () => (await holder()) === identity, { timeoutMs, what: `${identity} holds the lease` });
}

test('the leader is frozen in the middle of its work: the other takes over, and the first, resumed, writes nothing', async () => {
  const stage = new Stage(fleet, 'work');
  const first = startContender('first');
  await untilLeader('first', 30_000);
  const second = startContender('second');
  await eventually(() => second.log().includes('waiting for the lease'), { ...WITHIN, what: 'the second contends' });

  await stage.createHome('a');
  for (let number = 1; number <= COUNT; number += 50)
    await Promise.all(Array.from({ length: 50 }, (_, index) => stage.createNamespace(number + index, 'a')));
  await stage.createProject('a', { namespaceLimit: COUNT });
  const empty: Picture = {
    namespaces: alike(COUNT, { member: 'a', objects: [] }),
    projects: { a: 'ready: 0 copies of 0 objects' },
  };
  await untilPicture(stage, empty, WITHIN);

  // frozen with most copies still to be written
  const before = first.writes().length;
  await stage.share('a', 'Secret', 'token', { value: '1' });
  await eventually(() => first.writes().length > before + 5, { ...WITHIN, what: 'the first has begun' });
  first.freeze();
  const frozen = new Date();
  await untilLeader('second', LEASE_MS + MARGIN_MS);
  await untilPicture(stage, full('1'), WITHIN);
  expect(writesOf('second', frozen).length).toBeGreaterThan(0); // so there was work left

  // changes wait for the first as well, beside what it had in hand
  await second.kill();
  await stage.change('a', 'Secret', 'token', { value: '2' });
  const resumed = new Date();
  first.resume();
  const { code, signal } = await first.exited;
  expect({ code, signal }).toEqual({ code: 1, signal: null });
  expect(first.log()).toContain('lease');
  expect(writesOf('first', resumed)).toEqual([]);
}, 240_000);

function full(value: string): Picture {
  return {
    namespaces: alike(COUNT, { member: 'a', objects: [`Secret token=${value} of a`] }),
    projects: { a: `ready: ${COUNT} copies of 1 objects` },
  };
}
