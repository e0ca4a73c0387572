import { beforeEach, describe, expect, test } from '@jest/globals';
import type { EventIntent } from '#runtime';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { aProject } from '../../test/support/objects.ts';
import { ATTACHED, DETACHED, MembershipEvents } from './membership-events.ts';

describe('namespaces that join and leave', () => {
  let clock: FakeClock;
  let told: string[];
  let events: MembershipEvents;

  beforeEach(() => {
    clock = new FakeClock(0);
    told = [];
    const record = (_type: unknown, { metadata }: { metadata?: { name?: string } }, event: EventIntent) => {
      told.push(`${metadata?.name} ${event.type} ${event.reason} ${event.action}: ${event.note}`);
    };
    events = new MembershipEvents({ record }, clock);
  });

  const project = (name: string) => {
    const made = aProject({ name, cluster: 'edge-1' });
    return { ...made, metadata: { ...made.metadata, uid: `uid of ${name}` } };
  };

  test('one alone is told after a moment, by its name', async () => {
    events.add(project('pay'), ATTACHED, 'web');
    expect(told).toEqual([]);

    await clock.advance(250);

    expect(told).toEqual(['pay Normal NamespaceAttached Attach: namespace web joined the project']);
  });

  test('those of one moment are told together, in order, each once; the next moment is another event', async () => {
    for (const name of ['web', 'db', 'api', 'db']) events.add(project('pay'), ATTACHED, name);
    await clock.advance(250);
    events.add(project('pay'), ATTACHED, 'late');
    await clock.advance(250);

    expect(told).toEqual([
      'pay Normal NamespaceAttached Attach: namespaces api, db and web joined the project',
      'pay Normal NamespaceAttached Attach: namespace late joined the project',
    ]);
  });

  test('who leaves is told apart from who joins, and each project for itself', async () => {
    events.add(project('pay'), DETACHED, 'web');
    events.add(project('shop'), ATTACHED, 'web');
    await clock.advance(250);

    expect(told.sort()).toEqual([
      'pay Normal NamespaceDetached Detach: namespace web left the project',
      'shop Normal NamespaceAttached Attach: namespace web joined the project',
    ]);
  });

  test('a thousand are one event that fits; it names those for whom there is room and counts the others', async () => {
    const long = (index: number) => `n${`${index}`.padStart(62, '0')}`;
    for (let index = 0; index < 1_000; index += 1) events.add(project('pay'), ATTACHED, long(index));
    await clock.advance(250);

    expect(told).toHaveLength(1);
    const note = told[0]?.split(': ')[1] ?? '';
    expect(note.length).toBeLessThanOrEqual(1_024);
    expect(note.startsWith(`namespaces ${long(0)}, ${long(1)}, `)).toBe(true);
    expect(note.endsWith(' and 987 more joined the project')).toBe(true);
  });

  test('what was gathered is not lost when the operator ends, nor told twice', async () => {
    events.add(project('pay'), ATTACHED, 'web');
    events.flush();
    events.flush();
    await clock.advance(5_000);

    expect(told).toEqual(['pay Normal NamespaceAttached Attach: namespace web joined the project']);
  });
});
