import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { projectFolder } from '#stack/project';
import { openPipeline, type Json, type Pipeline } from './e2e.fixture';

let river: Pipeline;
beforeAll(async () => {
  river = await openPipeline();
});
afterAll(() => river.close());

/** The command on the running system. */
function reconcile(date: string): Promise<Json> {
  const script = join(projectFolder(), 'dist', 'payment-api', 'reconcile', 'reconcile.main.js');
  const child = spawn(process.execPath, [script, '--date', date, '--json'], {
    env: river.config.env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exitCode) => {
      // 2: nothing was compared.
      if (exitCode === 2) reject(new Error(stderr));
      else resolve(JSON.parse(stdout));
    });
  });
}

const kstToday = (): string => new Date(Date.now() + 9 * 3_600_000).toISOString().slice(0, 10);

test('Purchases and cancels that went through the whole pipeline agree with the PSP’s day and the ledger', async () => {
  const date = kstToday();
  const kept = await river.buy([1, 4, 6]);
  const canceled = await river.buy([1, 2]);
  await river.untilSettled([kept, canceled]);
  const response = await fetch(`${river.service('api').url}/api/payments/${canceled}/cancel`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${river.config.adminKey}`,
      'idempotency-key': randomUUID(),
    },
    body: JSON.stringify({ cancelReason: 'changed my mind' }),
  });
  expect(response.status).toBe(200);
  await river.untilSettled([canceled]);

  const report = await reconcile(date);
  // The day is that of every test of this run: only these two orders are judged here.
  const ours = (findings: Json[]): Json[] =>
    findings.filter(({ orderId }) => orderId === kept || orderId === canceled);
  expect(ours(report.differences)).toEqual([]);
  expect(ours(report.inFlight)).toEqual([]);
  expect(report.sums.psp.approvals.count).toBeGreaterThanOrEqual(2);
  expect(report.sums.psp.cancels.count).toBeGreaterThanOrEqual(1);
});
