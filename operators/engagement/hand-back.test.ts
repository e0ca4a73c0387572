import { describe, expect, test } from '@jest/globals';
import { formatHandBack, type HandBackReport, parseHandBack } from './hand-back.ts';
import { reportAnnotations, reportOf } from './heartbeat.ts';

describe('what an agent tells of its hand-back', () => {
  test.each([
    undefined,
    '',
    'clean',
    'null',
    '[]',
    '{"stage":"clean"}',
    '{"cluster":"uid","stage":"done"}',
    '{"cluster":1,"stage":"clean"}',
  ])('%j says nothing', text => {
    expect(parseHandBack(text)).toBeUndefined();
  });

  test('comes as it was sent, with each heartbeat', () => {
    const held = 'rolebindings a/paddock:b (other.example.com/hold)';
    const handBack: HandBackReport = { cluster: 'uid', stage: 'begun', problem: 'secrets is forbidden', held };
    const annotations = reportAnnotations({ handBack });
    const present = Object.entries(annotations).filter((entry): entry is [string, string] => entry[1] !== null);

    expect(reportOf({ metadata: { annotations: Object.fromEntries(present) } })).toEqual({ handBack });
  });

  test('is taken off the Lease when there is nothing to tell', () => {
    expect(formatHandBack(undefined)).toBeUndefined();
    expect(Object.values(reportAnnotations({}))).not.toContain(undefined);
  });

  test('a problem is as long as a status can hold, however it came', () => {
    const problem = 'x'.repeat(5_000);
    const long = JSON.stringify({ cluster: 'uid', stage: 'begun', problem });

    expect(formatHandBack({ cluster: 'uid', stage: 'begun', problem })?.length).toBeLessThan(1_100);
    expect(parseHandBack(long)?.problem).toHaveLength(1_000);
    expect(parseHandBack(JSON.stringify({ cluster: 'uid', stage: 'clean', held: problem }))?.held).toHaveLength(1_000);
  });
});
