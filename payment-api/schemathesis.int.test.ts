import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeWith, findTool } from '#kit/optional-tool.fixture';
import { ADMIN_KEY, startTestApi, type TestApi } from './payment-api.fixture';
import { OPERATIONS } from './routes';

// A fuzzer that knows nothing of this project, against the running API.

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

const schemathesis = findTool(['schemathesis', 'st'], 'install schemathesis (pip install schemathesis)');

describeWith(schemathesis, 'Schemathesis', (path) => {
  let api: TestApi;
  const folder = mkdtempSync(join(tmpdir(), 'schemathesis-'));
  beforeAll(async () => {
    api = await startTestApi();
    writeFileSync(join(folder, 'schemathesis.toml'), SETTINGS);
  });
  afterAll(async () => {
    await api.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test('finds no answer that the document does not describe, and no 5xx', async () => {
    const args = [
      `--config-file=${join(folder, 'schemathesis.toml')}`,
      'run',
      `${api.url}/openapi.json`,
      `--header=Authorization: Bearer ${ADMIN_KEY}`,
      `--max-examples=${EXAMPLES_MAX}`,
      '--phases=examples,coverage,fuzzing,stateful',
      '--checks=all',
      '--no-color',
    ];
    const child = spawn(path, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
    const exitCode = await new Promise((resolve) => child.once('close', resolve));
    if (exitCode !== 0) throw new Error(output);
    // It has asked: a run that tested nothing would end well, too.
    expect(/Tested: (\d+)/.exec(output)?.[1]).toBe(String(OPERATIONS.length));
  }, 180_000);
});
