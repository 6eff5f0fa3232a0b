import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/** What the linter has to say of an OpenAPI document: one problem a line, nothing when there is none. */
export function lintOpenApi(document: unknown): string {
  const { stdout, stderr, status } = spawnSync(process.execPath, [join(__dirname, 'openapi-lint.mjs')], {
    input: JSON.stringify(document),
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
  return stdout;
}
