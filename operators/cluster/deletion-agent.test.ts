import { beforeEach, describe, expect, test } from '@jest/globals';
import type { InformerHandler, KubeObject } from '#runtime';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { type AgentReport, reportAnnotations } from '../engagement/heartbeat.ts';
import { AgentHandBack } from './deletion-agent.ts';

const TIMEOUT_MS = 15_000;

/** The heartbeats that the hub's cache knows. */
class Heartbeats {
  #handler: InformerHandler<KubeObject> | undefined;
  #last: KubeObject | undefined;
  subscribed = 0;

  constructor(last?: KubeObject) {
    this.#last = last;
  }

  get(): KubeObject | undefined {
    return this.#last;
  }

  subscribe(handler: InformerHandler<KubeObject>): () => void {
    this.#handler = handler;
    this.subscribed += 1;
    if (this.#last) handler.applied(this.#last, undefined, { initial: true, own: false });
    return () => {
      this.subscribed -= 1;
    };
  }

  arrive(heartbeat: KubeObject): void {
    this.#handler?.applied(heartbeat, this.#last, { initial: false, own: false });
    this.#last = heartbeat;
  }
}

function heartbeat(handBack: AgentReport['handBack'], namespace = 'c-edge-1'): KubeObject {
  const annotations = reportAnnotations(handBack ? { handBack } : {});
  const present = Object.entries(annotations).filter((entry): entry is [string, string] => entry[1] !== null);
  return { metadata: { name: 'heartbeat', namespace, annotations: Object.fromEntries(present) } };
}

describe('AgentHandBack', () => {
  let clock: FakeClock;
  let changes: number;
  beforeEach(() => {
    clock = new FakeClock();
    changes = 0;
  });

  function follow(heartbeats: Heartbeats): AgentHandBack {
    const onChange = () => {
      changes += 1;
    };
    const options = { uid: 'uid', namespace: 'c-edge-1', heartbeats, timeoutMs: TIMEOUT_MS, clock, onChange };
    return new AgentHandBack(options);
  }

  test('a heartbeat from before is no sign of life; without one in time the agent is not reached', () => {
    const handBack = follow(new Heartbeats(heartbeat(undefined)));
    expect(handBack.state).toEqual({ stage: 'begun' });

    clock.pass(TIMEOUT_MS - 1);
    expect(handBack.state.reached).toBeUndefined();
    clock.pass(1);

    expect(handBack.state).toMatchObject({ stage: 'begun', reached: false });
    expect(handBack.state.problem).toContain('no heartbeat from the agent for 15 s');
    expect(handBack.contactAt).toBeUndefined();
    expect(changes).toBe(1);
  });

  test('each heartbeat is a contact, and tells of a change only when there is one', () => {
    const heartbeats = new Heartbeats();
    const handBack = follow(heartbeats);

    for (let beats = 0; beats < 5; beats += 1) {
      heartbeats.arrive(heartbeat(undefined));
      clock.pass(5_000);
    }

    expect(handBack.state).toEqual({ stage: 'begun', reached: true });
    expect(handBack.contactAt).toBe(clock.now() - 5_000);
    expect(changes).toBe(1);
  });

  test('what another Cluster’s agent tells, or tells of another Cluster, does not count', () => {
    const heartbeats = new Heartbeats(heartbeat({ cluster: 'the one before', stage: 'released' }));
    const handBack = follow(heartbeats);

    heartbeats.arrive(heartbeat({ cluster: 'uid', stage: 'released' }, 'c-edge-2'));
    expect(handBack.state).toEqual({ stage: 'begun' });
    heartbeats.arrive(heartbeat({ cluster: 'the one before', stage: 'clean' }));

    expect(handBack.state).toEqual({ stage: 'begun', reached: true });
  });

  test('what was told before this process began has happened', () => {
    const handBack = follow(new Heartbeats(heartbeat({ cluster: 'uid', stage: 'clean' })));

    expect(handBack.state).toEqual({ stage: 'clean' });
  });

  test('the stage is taken as told, with what stands in the way, and never back', () => {
    const heartbeats = new Heartbeats();
    const handBack = follow(heartbeats);

    heartbeats.arrive(heartbeat({ cluster: 'uid', stage: 'begun', problem: 'forbidden' }));
    expect(handBack.state).toEqual({ stage: 'begun', reached: true, problem: 'forbidden' });
    heartbeats.arrive(heartbeat({ cluster: 'uid', stage: 'clean' }));
    heartbeats.arrive(heartbeat({ cluster: 'uid', stage: 'begun' })); // started again
    expect(handBack.state).toEqual({ stage: 'clean', reached: true });
    heartbeats.arrive(heartbeat({ cluster: 'uid', stage: 'released' }));

    expect(handBack.state).toEqual({ stage: 'released', reached: true });
  });

  test('stopped, it listens to nothing', async () => {
    const heartbeats = new Heartbeats();
    const handBack = follow(heartbeats);

    await handBack.stop();
    clock.pass(TIMEOUT_MS);

    expect(heartbeats.subscribed).toBe(0);
    expect(clock.waiting).toBe(0);
    expect(changes).toBe(0);
  });
});
