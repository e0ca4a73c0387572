import { describe, expect, test } from '@jest/globals';
import { parseDuration } from '../engagement/duration.ts';
import { distributionOfServer, distributionOfVersion, isSupported } from './version.ts';

describe('versions', () => {
  test.each(['v1.30.0', 'v1.34.4', 'v1.34.4+k3s1', 'v1.31.0-eks-abc', 'v2.0.0', '1.30.1'])(
    '%s is supported',
    version => {
      expect(isSupported(version)).toBe(true);
    },
  );

  test.each(['v1.29.9', 'v1.9.0', 'v0.31.0', '', 'unknown'])('"%s" is not', version => {
    expect(isSupported(version)).toBe(false);
  });
});

describe('distributions', () => {
  test.each([
    ['v1.34.4+k3s1', 'k3s'],
    ['v1.34.4+rke2r1', 'rke2'],
    ['v1.31.0-eks-5e0fdde', 'eks'],
    ['v1.31.1-gke.1678000', 'gke'],
    ['v1.34.4', undefined],
  ])('%s is %s', (version, distribution) => {
    expect(distributionOfVersion(version)).toBe(distribution);
  });

  test('are else known by address and API groups', () => {
    expect(distributionOfServer('https://a.hcp.westeurope.azmk8s.io:443', ['apps'])).toBe('aks');
    expect(distributionOfServer('https://10.0.0.1', ['apps', 'config.openshift.io'])).toBe('openshift');
    expect(distributionOfServer('https://azmk8s.io.example.com', ['apps'])).toBe('kubernetes');
  });
});

describe('durations', () => {
  test.each([
    ['5s', 5_000],
    ['1m30s', 90_000],
    ['1.5h', 5_400_000],
    ['.5s', 500],
    ['250ms', 250],
    ['1000us', 1],
    ['1000µs', 1],
    ['1000000ns', 1],
  ])('%s is %d ms', (text, ms) => {
    expect(parseDuration(text)).toBeCloseTo(ms);
  });

  test.each(['', '5', '-5s', '5 s', 's', '5d'])('"%s" is none, and the message says so', text => {
    expect(() => parseDuration(text)).toThrow(`"${text}" must be a Go duration`);
  });
});
