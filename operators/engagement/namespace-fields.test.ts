import { expect, test } from '@jest/globals';
import { LABEL_PROJECT } from '#api';
import { type DefaultLabel, defaultLabelOf } from './namespace-fields.ts';

const PUSHED = 'paddock-project-membership';
const AGENT = 'paddock-agent-project-membership';

const entry = (manager: string, label = LABEL_PROJECT, operation = 'Apply') => ({
  manager,
  operation,
  fieldsV1: { 'f:metadata': { 'f:labels': { '.': {}, [`f:${label}`]: {} } } },
});

test.each<readonly [what: string, managedFields: object[], expected: DefaultLabel | undefined]>([
  ['nobody', [], undefined],
  ['people', [entry('kubectl')], undefined],
  ['the hub’s operator', [entry(PUSHED)], { managers: [PUSHED], alone: true }],
  ['the agent', [entry(AGENT)], { managers: [AGENT], alone: true }],
  ['both', [entry(PUSHED), entry(AGENT)], { managers: [PUSHED, AGENT], alone: true }],
  ['the operator and people', [entry(PUSHED), entry('kubectl')], { managers: [PUSHED], alone: false }],
  [
    'the operator, beside another label of people',
    [entry(PUSHED), entry('kubectl', 'team')],
    { managers: [PUSHED], alone: true },
  ],
  ['who wrote, and did not apply, by its name', [entry(PUSHED, LABEL_PROJECT, 'Update')], undefined],
  ['the manager of a project’s labels', [entry('paddock-project')], undefined],
  ['an entry without fields', [{ manager: PUSHED, operation: 'Apply' }], undefined],
])('the membership label is held by %s', (_what, managedFields, expected) => {
  expect(defaultLabelOf({ metadata: { managedFields } })).toEqual(expected);
});
