// client-node is ESM only, so jest runs native modules (npm test passes --experimental-vm-modules).
export default {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '\\.ts$': ['@swc/jest', { jsc: { target: 'es2024', parser: { syntax: 'typescript' } }, module: { type: 'es6' } }],
  },
  testMatch: ['<rootDir>/{api,cli,hack,operators,runtime,test}/**/*.test.ts'],
  testTimeout: 60_000,
};
