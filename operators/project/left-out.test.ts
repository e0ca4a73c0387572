import { describe, expect, test } from '@jest/globals';
import { ANNOTATION_LEAVE_OUT } from '#api';
import { LEAVE_OUT_LENGTH, LeaveOutError, leftOutOf, parseLeaveOut } from './left-out.ts';

describe('a label or annotation key', () => {
  test.each([
    'paddock.dev/shared',
    'kubectl.kubernetes.io/last-applied-configuration',
    'app.kubernetes.io/instance',
    'app.kubernetes.io/managed-by',
    'argocd.argoproj.io/tracking-id',
    'kustomize.toolkit.fluxcd.io/name',
    'helm.toolkit.fluxcd.io/driftDetection',
    'meta.helm.sh/release-name',
    'objectset.rio.cattle.io/hash',
    'applyset.kubernetes.io/part-of',
    'kapp.k14s.io/app',
    'kapp.k14s.io/identity',
    'config.k8s.io/owning-inventory',
    'reflector.v1.k8s.emberstack.com/reflection-auto-enabled',
    'replicator.v1.mittwald.de/replicate-to',
    'v1.kubernetes-replicator.olli.com/replicate-to',
    'kubernetes-replicator/replicate-to',
    'kubed.appscode.com/sync',
  ])('%s stays with the source', key => {
    expect(leftOutOf({})(key)).toBe(true);
    expect(leftOutOf(undefined)(key)).toBe(true);
  });

  test.each([
    'app',
    'app.kubernetes.io/name',
    'app.kubernetes.io/part-of',
    'helm.sh/chart',
    'example.com/paddock.dev/',
    'toolkit.fluxcd.io',
    'my-argocd.argoproj.io/x',
    'description',
  ])('%s travels with the copy', key => {
    expect(leftOutOf({})(key)).toBe(false);
  });

  test('stays if the annotation names its beginning', () => {
    const isLeftOut = leftOutOf({ [ANNOTATION_LEAVE_OUT]: 'example.com/, team ,app.kubernetes.io/name' });
    const left = ['example.com/a', 'example.com', 'team', 'teams', 'app.kubernetes.io/name', 'app'].filter(isLeftOut);
    expect(left).toEqual(['example.com/a', 'team', 'teams', 'app.kubernetes.io/name']);
    expect(isLeftOut('argocd.argoproj.io/instance')).toBe(true);
  });
});

describe('the annotation paddock.dev/leave-out', () => {
  const prefixes = (count: number) => Array.from({ length: count }, (_, index) => `p${index}/`).join();
  const longest = `${`${'a'.repeat(63)}.`.repeat(3)}${'a'.repeat(61)}/${'n'.repeat(63)}`;

  test.each([
    ['', 'empty prefix'],
    [' ', 'empty prefix'],
    [',', 'empty prefix'],
    ['a,,b', '"a,,b" must not hold an empty prefix'],
    ['a/,', 'empty prefix'],
    ['example.com/*', 'prefix "example.com/*" must be the beginning of a label or annotation key'],
    ['/', 'must be the beginning'],
    ['^a', 'must be the beginning'],
    ['a b', 'must be the beginning'],
    ['ä', 'must be the beginning'],
    [prefixes(33), 'must name at most 32 prefixes'],
    ['a'.repeat(318), 'must have at most 317 characters'],
    [','.repeat(200_000), `must have at most ${LEAVE_OUT_LENGTH} bytes`],
  ])('%j is refused', (text, rule) => {
    expect(() => parseLeaveOut(text)).toThrow(LeaveOutError);
    expect(() => parseLeaveOut(text)).toThrow(rule);
    expect(() => parseLeaveOut(text)).toThrow(/^.{10,300}$/);
  });

  test('takes 32 prefixes of the length of a key', () => {
    expect(parseLeaveOut(prefixes(32))).toHaveLength(32);
    expect(longest).toHaveLength(317);
    expect(parseLeaveOut(Array.from({ length: 32 }, (_, index) => longest.slice(0, -index - 1)).join())).toHaveLength(
      32,
    );
    expect(parseLeaveOut('a/,a/')).toEqual(['a/']);
  });
});
