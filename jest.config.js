// client-node is ESM only, so jest runs native modules (npm test passes --experimental-vm-modules).
const base = {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '\\.ts$': ['@swc/jest', { jsc: { target: 'es2024', parser: { syntax: 'typescript' } }, module: { type: 'es6' } }],
  },
};

export default {
  testTimeout: 60_000,
  testSequencer: '<rootDir>/hack/test/sequencer.js',
  projects: [
    {
      ...base,
      testMatch: ['<rootDir>/{api,cli,hack,operators,runtime,test}/**/*.test.ts'],
      testPathIgnorePatterns: ['/test/attacks/after-a-thief\\.test\\.ts$'], // of agents alone
    },
    {
      // what is promised of projects and of access, promised once more where an agent does the work
      ...base,
      displayName: 'by agent',
      globals: { CONNECTION: 'agent' },
      testMatch: [
        '<rootDir>/test/integration/project-*.test.ts',
        '<rootDir>/test/attacks/{absent-project,after-a-thief,policies-off}.test.ts',
        '<rootDir>/test/chaos/crash-{at-every-write,while-access-changes}.test.ts',
        '<rootDir>/test/integration/rbac-{accounts,bindings,global,templates}.test.ts',
        '<rootDir>/test/attacks/held-bindings.test.ts',
      ],
      testPathIgnorePatterns: ['/project-(local|quota-scale)\\.test\\.ts$'],
    },
  ],
};
