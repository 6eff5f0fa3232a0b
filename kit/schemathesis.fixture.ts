import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findTool } from './optional-tool.fixture';

// A fuzzer that knows nothing of this project.

const EXAMPLES_MAX = 60;
/**
 * A well-formed request may still be refused: the product does not exist (400), the PSP says no (402), the key was used
 * with another body (422).
 */
const SETTINGS = `
[checks]
positive_data_acceptance.expected-statuses = ["2xx", "400", "401", "402", "404", "409", "422"]
negative_data_rejection.expected-statuses = ["400", "401", "404", "405", "413", "415"]
`;

export const schemathesis = findTool(
  ['schemathesis', 'st'],
  'install Schemathesis (pip install schemathesis)',
);

/**
 * Fuzzes the API whose document is at `${url}/openapi.json`.
 *
 * @returns how many operations were tested
 * @throws Error with the fuzzer's report, the seed in it
 */
export async function fuzz(program: string, url: string, adminKey: string): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'schemathesis-'));
  const settings = join(folder, 'schemathesis.toml');
  writeFileSync(settings, SETTINGS);
  const args = [
    `--config-file=${settings}`,
    'run',
    `${url}/openapi.json`,
    `--header=Authorization: Bearer ${adminKey}`,
    `--max-examples=${EXAMPLES_MAX}`,
    '--phases=examples,coverage,fuzzing,stateful',
    '--checks=all',
    '--no-color',
  ];
  try {
    const child = spawn(program, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
    const exitCode = await new Promise((resolve) => child.once('close', resolve));
    if (exitCode !== 0) throw new Error(output);
    return Number(/Tested: (\d+)/.exec(output)?.[1] ?? 0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
