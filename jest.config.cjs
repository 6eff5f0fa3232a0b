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
  testTimeout: 30_000,
  errorOnDeprecated: true,
  restoreMocks: true,
};
