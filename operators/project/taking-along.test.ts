import { describe, expect, test } from '@jest/globals';
import { ANNOTATION_PROJECT_UID, LABEL_PROJECT, type Project } from '#api';
import type { MemberNamespace } from '../engagement/membership.ts';
import { fateOf, SeenJoining } from './taking-along.ts';

const MADE = '2026-01-01T12:00:00Z';
const LATER = '2026-01-01T12:00:01Z';
const EARLIER = '2026-01-01T11:59:59Z';

type Metadata = Partial<Record<keyof Project['metadata'], unknown>>;

const project = (metadata: Metadata = {}): Project => ({
  apiVersion: 'paddock.dev/v1alpha1',
  kind: 'Project',
  metadata: {
    name: 'pay',
    namespace: 'c-edge-1',
    uid: 'pay-uid',
    creationTimestamp: MADE,
    ...metadata,
  } as Project['metadata'],
  spec: { deletionPolicy: 'Delete' },
});

const member = (metadata: Metadata = {}): MemberNamespace => ({
  metadata: {
    name: 'web',
    uid: 'web-uid',
    labels: { [LABEL_PROJECT]: 'pay' },
    creationTimestamp: MADE,
    ...metadata,
  } as Project['metadata'],
  applied: { labels: [], annotations: [] },
  appliedBy: [],
});

const annotated = (uid: string) => ({ annotations: { [ANNOTATION_PROJECT_UID]: uid } });

describe('a Project that takes its namespaces along', () => {
  test.each([
    ['one made after it', { creationTimestamp: LATER }, 'delete'],
    ['one made before it', { creationTimestamp: EARLIER }, 'inDoubt'],
    ['one made in the same second', {}, 'inDoubt'],
    ['one without a time', { creationTimestamp: undefined }, 'inDoubt'],
    ['one that was seen to join', { creationTimestamp: EARLIER, ...annotated('pay-uid') }, 'delete'],
    ['one that was seen to join another of the name', { creationTimestamp: EARLIER, ...annotated('old') }, 'inDoubt'],
    ['one with an empty annotation', { creationTimestamp: EARLIER, ...annotated('') }, 'inDoubt'],
    ['default', { name: 'default', creationTimestamp: LATER }, 'protected'],
    ['one of Kubernetes', { name: 'kube-tools', ...annotated('pay-uid') }, 'protected'],
    ['one of Paddock', { name: 'paddock-users', ...annotated('pay-uid') }, 'protected'],
  ])('has %s: %#', (_what, metadata, fate) => {
    expect(fateOf(project(), member(metadata))).toBe(fate);
  });

  test('that has no uid or time takes none', () => {
    const unknown = project({ uid: undefined, creationTimestamp: undefined });
    expect(fateOf(unknown, member({ creationTimestamp: LATER }))).toBe('inDoubt');
  });
});

describe('a namespace', () => {
  const outside = member({ labels: {} });
  const annotation = { [ANNOTATION_PROJECT_UID]: 'pay-uid' };

  test.each<[what: string, old: MemberNamespace | undefined, initial: boolean, at: Project | undefined, seen: boolean]>(
    [
      ['is made in a Project', undefined, false, project(), true],
      ['is labelled into it', outside, false, project(), true],
      ['is moved to it', member({ labels: { [LABEL_PROJECT]: 'other' } }), false, project(), true],
      ['is made again in it', member({ uid: 'before' }), false, project(), true],
      ['was there when the cluster was read', undefined, true, project(), false],
      ['changed otherwise', member(), false, project(), false],
      ['named it before there was one', outside, false, undefined, false],
      ['joined one that was being deleted', outside, false, project({ deletionTimestamp: LATER }), false],
    ],
  )('%s: seen to join is %5$p', (_what, old, initial, at, seen) => {
    const joining = new SeenJoining();
    joining.observe(member(), old, { initial, project: at });
    expect(joining.annotations(project(), member())).toEqual(seen ? annotation : {});
  });

  test('seen to join stays so, whatever else of it changes, until the annotation says so, or it leaves', () => {
    const joining = new SeenJoining();
    joining.observe(member(), outside, { initial: false, project: project() });
    joining.observe(member(), member(), { initial: false, project: project() });
    expect(joining.annotations(project(), member())).toEqual(annotation);

    joining.observe(member(annotated('pay-uid')), member(), { initial: false, project: project() });
    expect(joining.annotations(project(), member())).toEqual({});
    expect(joining.annotations(project(), member(annotated('pay-uid')))).toEqual(annotation);

    joining.observe(member(), outside, { initial: false, project: project() });
    joining.observe(outside, member(), { initial: false, project: undefined });
    expect(joining.annotations(project(), member())).toEqual({});
  });

  test('seen to join one Project was not seen to join the next of the name', () => {
    const joining = new SeenJoining();
    joining.observe(member(), outside, { initial: false, project: project() });

    expect(joining.annotations(project({ uid: 'next' }), member(annotated('pay-uid')))).toEqual({});
  });

  test('that is gone is forgotten', () => {
    const joining = new SeenJoining();
    joining.observe(member(), outside, { initial: false, project: project() });
    joining.forget(member());
    expect(joining.annotations(project(), member())).toEqual({});
  });
});
