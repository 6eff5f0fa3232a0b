// Lints the OpenAPI document on standard input: one problem a line, nothing when there is none. A program of its own
// because the linter is an ES module, and the tests are CommonJS.
import { text } from 'node:stream/consumers';
import { createConfig, lintFromString } from '@redocly/openapi-core';

const config = await createConfig({
  extends: ['recommended-strict'],
  rules: {
    // A call that takes nothing can be refused for nothing.
    'operation-4xx-response': 'off',
  },
});
const problems = await lintFromString({ source: await text(process.stdin), config });
for (const { severity, ruleId, message, location } of problems)
  process.stdout.write(`${severity} ${ruleId} ${location[0]?.pointer ?? ''}: ${message}\n`);
