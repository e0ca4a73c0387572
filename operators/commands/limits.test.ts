import { describe, expect, test } from '@jest/globals';
import { CLUSTER_LIMITED, CLUSTER_LIMITS, PROJECT_LIMITED, PROJECT_LIMITS } from '../engagement/hub-limits.ts';
import { describeLimits, parseLimits } from './limits.ts';

describe('limits of hub namespaces', () => {
  test.each([
    ['secrets=10,configmaps=20', { 'count/secrets': 10, 'count/configmaps': 20 }],
    ['roletemplatebindings=0', { 'count/roletemplatebindings.paddock.dev': 0 }],
    ['none', {}],
    [undefined, undefined],
  ])('%p is read', (text, read) => {
    expect(parseLimits('--project-limits', text, PROJECT_LIMITED)).toEqual(read);
  });

  test.each([
    '',
    'secrets',
    'secrets=',
    'secrets=-1',
    'secrets=1.5',
    'secrets=9999999999',
    'pods=1',
    'projects=1',
    'secrets=1,',
  ])('%p is refused', text => {
    expect(() => parseLimits('--project-limits', text, PROJECT_LIMITED)).toThrow('--project-limits');
  });

  test('the defaults are described as they are read', () => {
    expect(parseLimits('x', describeLimits(CLUSTER_LIMITS), CLUSTER_LIMITED)).toEqual(CLUSTER_LIMITS);
    expect(parseLimits('x', describeLimits(PROJECT_LIMITS), PROJECT_LIMITED)).toEqual(PROJECT_LIMITS);
  });
});
