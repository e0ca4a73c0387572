import { expect, test } from '@jest/globals';
import { reportAnnotations, reportOf } from './heartbeat.ts';

const PROBLEM = { reason: 'ClaimFailed', message: 'why', terminal: false } as const;

function reportWith(annotations: Readonly<Record<string, string>>) {
  return reportOf({ metadata: { annotations } });
}

test('a report comes as it was sent', () => {
  const report = { version: 'v0.1.0', replicas: 2, unhealthy: 'etcd is ill', problem: PROBLEM, settling: true };
  const present = Object.entries(reportAnnotations(report)).filter(
    (each): each is [string, string] => each[1] !== null,
  );
  expect(reportWith(Object.fromEntries(present))).toEqual(report);
});

test.each([
  ['escape sequences and line breaks', 'v1\x1b[31m\nlevel=error', 'v1 level=error'],
  ['what reorders or hides text', 'v1\u202e\u200b\u2028x', 'v1 x'],
])('of %s in it nothing is read', (_what, sent, read) => {
  const report = reportWith({
    'paddock.dev/agent-version': sent,
    'paddock.dev/api-unhealthy': sent,
    'paddock.dev/problem': JSON.stringify({ ...PROBLEM, message: sent }),
    'paddock.dev/hand-back': JSON.stringify({ cluster: 'u', stage: 'begun', problem: sent }),
  });
  expect(report).toMatchObject({
    version: read,
    unhealthy: read,
    problem: { message: read },
    handBack: { problem: read },
  });
});

test('of long texts as much is read as a status holds', () => {
  const long = 'x'.repeat(100_000);
  const {
    version = '',
    unhealthy = '',
    problem,
  } = reportWith({
    'paddock.dev/agent-version': long,
    'paddock.dev/api-unhealthy': long,
    'paddock.dev/problem': JSON.stringify({ ...PROBLEM, message: 'x'.repeat(10_000) }),
  });
  expect([version.length, unhealthy.length, problem?.message.length]).toEqual([128, 1_000, 1_000]);
});
