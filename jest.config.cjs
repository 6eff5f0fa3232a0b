// Tests are run by `npm test`, which builds, brings real servers up on free ports and takes them down again.
module.exports = {
  testEnvironment: 'node',
  rootDir: __dirname,
  modulePathIgnorePatterns: [
    '<rootDir>/dist',
    '<rootDir>/.stack',
    '<rootDir>/.stack-test',
    '<rootDir>/.stack-chaos',
    '<rootDir>/.stack-bench',
  ],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2023' }, module: { type: 'commonjs' } },
    ],
  },
  // One limit for all tests: it finds a hang, also on a machine several times slower. No test sets a shorter one.
  testTimeout: 900_000,
  errorOnDeprecated: true,
  restoreMocks: true,
};
