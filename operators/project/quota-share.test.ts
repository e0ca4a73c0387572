import { describe, expect, test } from '@jest/globals';
import { Quantity } from '#runtime';
import { deal } from './quota.ts';
import { amountsOf, quotaOf, textOf, wantedBy } from './quota-share.ts';

const share = amountsOf({ pods: '10', 'requests.cpu': '2' });
const wanted = (text: string) => wantedBy({ 'paddock.dev/quota': text }, share);

describe('what a namespace is to have', () => {
  test('is the default without the annotation', () => {
    expect(wantedBy(undefined, share)).toEqual({ amounts: share, ignored: [] });
    expect(wantedBy({ other: '{}' }, share).amounts).toBe(share);
  });

  test('is what the annotation says of a key, and the default of the others', () => {
    expect(textOf(wanted('{"pods":"20"}').amounts ?? new Map())).toEqual({ pods: '20', 'requests.cpu': '2' });
    expect(textOf(wanted('{"pods":0,"requests.cpu":"1500m"}').amounts ?? new Map())).toEqual({
      pods: '0',
      'requests.cpu': '1500m',
    });
  });

  test('leaves out keys that the quota does not have, and names them', () => {
    const { amounts, ignored } = wanted('{"secrets":"3","pods":"1","configmaps":"4"}');
    expect(textOf(amounts ?? new Map())).toEqual({ pods: '1', 'requests.cpu': '2' });
    expect(ignored).toEqual(['configmaps', 'secrets']);
  });

  test.each([
    ['', '"" must be JSON, such as {"pods":"20"}'],
    ['pods: 20', '"pods: 20" must be JSON, such as {"pods":"20"}'],
    ['[]', '"[]" must be a JSON object of quantities, such as {"pods":"20"}'],
    ['null', '"null" must be a JSON object of quantities, such as {"pods":"20"}'],
    ['20', '"20" must be a JSON object of quantities, such as {"pods":"20"}'],
    ['{"pods":null}', 'pods: "null" must be a quantity, such as "20"'],
    ['{"pods":{"a":1}}', 'pods: "{\\"a\\":1}" must be a quantity, such as "20"'],
    ['{"pods":true}', 'pods: "true" must be a quantity, such as "20"'],
    ['{"pods":"many"}', '"many" is not a quantity'],
    ['{"pods":"-1"}', 'pods: "-1" must not be negative'],
    ['{"secrets":"-1"}', 'secrets: "-1" must not be negative'],
    ['{"pods":"1","pods":"2"}', 'key "pods" must not be there twice'],
    ['{"pods":"1","p\\u006fds":"2"}', 'key "pods" must not be there twice'],
    ['{"pods":["1",{"pods":"2","pods":"3"}]}', 'must be a quantity'],
    [
      `{"pods":"${'1'.repeat(41)}"}`,
      'pods: "11111111111111111111111111111111111111111" is not a quantity: must have at most 40',
    ],
    [`{"pods":"1${'0'.repeat(240_000)}e0"}`, 'must have at most 16384 bytes'],
    [`{"pods":${'['.repeat(8_000)}${']'.repeat(8_000)}}`, 'must be a JSON object of quantities, not of objects'],
    [`{"pods":1${'0'.repeat(16_000)}}`, 'pods: "Infinity" is not a quantity'],
    [`{"${'k'.repeat(327)}":"1"}`, 'must have at most 326 characters'],
    [`{${Array.from({ length: 65 }, (_, index) => `"k${index}":1`).join()}}`, 'must have at most 64 keys'],
  ])('is not known from %j', (text, message) => {
    const { amounts, problem } = wanted(text);
    expect(amounts).toBeUndefined();
    expect(problem).toContain(`annotation paddock.dev/quota: `);
    expect(problem).toContain(message);
  });

  test('may have names that every object has', () => {
    const { amounts, ignored } = wanted('{"__proto__":"1","constructor":2,"pods":"3"}');
    expect(textOf(amounts ?? new Map())).toEqual({ pods: '3', 'requests.cpu': '2' });
    expect(ignored).toEqual(['__proto__', 'constructor']);
  });

  test('says no more of a long text than there is room for', () => {
    expect(wanted(`[${'1,'.repeat(5_000)}1]`).problem?.length).toBeLessThan(200);
  });
});

test('a project has a quota when it has both parts', () => {
  expect(quotaOf({})).toBeUndefined();
  expect(quotaOf({ resourceQuota: {} })).toBeUndefined();
  const quota = quotaOf({ resourceQuota: { hard: { pods: 100 }, namespaceDefault: { pods: '10' } } });
  expect([textOf(quota?.hard ?? new Map()), textOf(quota?.share ?? new Map())]).toEqual([
    { pods: '100' },
    { pods: '10' },
  ]);
});

/** Two namespaces want this much each of that: does it fit? */
describe('two shares of one quota', () => {
  const fits: [one: string, other: string, hard: string][] = [
    ['1', '1', '2'],
    ['1000m', '1', '2'],
    ['500m', '1500m', '2'],
    ['0', '0', '0'],
    ['0', '2', '2'],
    ['2', '0', '2'],
    ['1', '1', '2000m'],
    ['0.5', '0.5', '1'],
    ['.5', '0.5', '1'],
    ['1.', '1', '2'],
    ['999m', '1m', '1'],
    ['1n', '1n', '2n'],
    ['1u', '999u', '1m'],
    ['100u', '900u', '1m'],
    ['1k', '1k', '2k'],
    ['1000', '1k', '2k'],
    ['1M', '1000k', '2M'],
    ['1G', '1000M', '2G'],
    ['1T', '1000G', '2T'],
    ['1P', '1000T', '2P'],
    ['1E', '1000P', '2E'],
    ['1Ki', '1024', '2Ki'],
    ['1Mi', '1024Ki', '2Mi'],
    ['1Gi', '1024Mi', '2Gi'],
    ['1Ti', '1024Gi', '2Ti'],
    ['1Pi', '1024Ti', '2Pi'],
    ['1Ei', '1024Pi', '2Ei'],
    ['2000Mi', '2096Mi', '4Gi'],
    ['1.5Gi', '0.5Gi', '2Gi'],
    ['1e3', '1k', '2k'],
    ['1E3', '1e3', '2e3'],
    ['1e-3', '1m', '2m'],
    ['12e-1', '800m', '2'],
    ['1e0', '1', '2'],
    ['5e9', '5G', '10G'],
    ['+1', '1', '2'],
    ['00', '01', '1'],
    ['1Ki', '1k', '2.024k'],
    ['1Gi', '1G', '2074M'],
    ['8Ei', '0', '8Ei'],
    ['7Ei', '1023Pi', '8Ei'],
    ['9223372036854775807', '0', '9223372036854775807'],
    ['1.0000000001', '0', '1.000000001'],
    ['10', '20', '30'],
    ['0.1', '0.2', '0.3'],
    ['0.7', '0.1', '0.8'],
    ['33m', '67m', '100m'],
  ];
  const breaks: [one: string, other: string, hard: string][] = [
    ['2000Mi', '3000Mi', '4000Mi'],
    ['1', '1', '1999m'],
    ['1001m', '1', '2'],
    ['1', '2', '2'],
    ['1n', '1', '1'],
    ['1Ki', '1Ki', '2k'],
    ['1Mi', '1Mi', '2M'],
    ['1Gi', '1Gi', '2G'],
    ['1Ti', '1Ti', '2T'],
    ['1Pi', '1Pi', '2P'],
    ['1Ei', '1Ei', '2E'],
    ['1G', '1Gi', '2G'],
    ['1e3', '1001', '2k'],
    ['1e-3', '1001u', '2m'],
    ['0.5', '501m', '1'],
    ['0.1', '0.21', '0.3'],
    ['1', '1n', '1'],
    ['1E', '1', '1E'],
    ['8Ei', '8Ei', '16Ei'], // Kubernetes reads either as 2^63-1
    ['4Ei', '4Ei', '7Ei'],
    ['1k', '1', '1k'],
    ['9223372036854775807', '1', '9223372036854775807'],
    ['1.0000000001', '0', '1'],
    ['1', '0.0000000001', '1'],
    ['100Gi', '1', '107374182400'],
    ['3', '3', '5'],
    ['1', '0', '0'],
    ['0', '1m', '0'],
    ['1M', '1', '1e6'],
    ['512Mi', '513Mi', '1Gi'],
    ['1.1Gi', '0.9Gi', '2047Mi'],
  ];

  const outcome = (one: string, other: string, hard: string) => {
    const claim = (namespace: string, pods: string) => ({ namespace, since: '', wanted: amountsOf({ pods }) });
    const books = { ledger: new Map(), revision: 1, held: new Map() };
    return deal(amountsOf({ pods: hard }), [claim('a', one), claim('b', other)], books).lacking.length === 0;
  };

  test.each(fits)('%s and %s fit into %s', (one, other, hard) => expect(outcome(one, other, hard)).toBe(true));
  test.each(breaks)('%s and %s do not fit into %s', (one, other, hard) =>
    expect(outcome(one, other, hard)).toBe(false),
  );
});

describe('a quantity', () => {
  test.each([
    '',
    ' ',
    '1 ',
    ' 1',
    'x',
    '1x',
    '1 Gi',
    '1KI',
    '1gi',
    '1mi',
    '--1',
    '+',
    '.',
    'e3',
    '1e',
    '1e+',
    '0x10',
    '1,5',
    '1_000',
    'NaN',
    '∞',
  ])('%j is none', text => expect(() => Quantity.parse(text)).toThrow('is not a quantity'));
});
