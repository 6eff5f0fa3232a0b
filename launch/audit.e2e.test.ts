import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { audit, auditText } from '#ops/audit';
import { PATIENCE_MS } from '#kit/until.fixture';
import { opsConfig } from '#ops/config';
import { auditedTopics } from '#ops/topic-reader';
import { openPipeline, type Json, type Pipeline } from './e2e.fixture';

/** Audits run beside the load for so long, and until they have seen enough. */
const LOAD_MS_MIN = 20_000;
const AUDITS_MIN = 4;
const EVENTS_MIN = 21;

let river: Pipeline;
beforeAll(async () => {
  river = await openPipeline();
});
afterAll(() => river.close());

/** The operator's command, as a process of its own. */
function command(args: string[], env: NodeJS.ProcessEnv = {}): Promise<{ exitCode: number; output: string }> {
  const script = join(river.config.stack.projectDir, 'dist', 'ops', 'audit.main.js');
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [script, ...args],
      { env: { ...river.config.env, ...env } },
      (error, stdout, stderr) =>
        resolve({
          exitCode: typeof error?.code === 'number' ? error.code : 0,
          output: `${stdout}${stderr}`,
        }),
    );
  });
}

test('While purchases and refunds run, audits that read the topics give no false alarm, and leave no group behind', async () => {
  const topics = auditedTopics(opsConfig(river.config.env).kafka);
  const bought: string[] = [];
  let isOver = false;
  const shopper = async (): Promise<void> => {
    while (!isOver) bought.push(await river.buy([1, 4, 6]));
  };
  const shoppers = [shopper(), shopper(), shopper()];
  let audits = 0;
  let compared = 0;
  try {
    const untilMs = performance.now() + LOAD_MS_MIN;
    const endMs = performance.now() + PATIENCE_MS;
    const isEnough = (): boolean => audits >= AUDITS_MIN && compared >= EVENTS_MIN;
    while (performance.now() < untilMs || (!isEnough() && performance.now() < endMs)) {
      const report = await audit(river.ops, { topics });
      if (!report.holds) throw new Error(auditText(report));
      if (!report.topics.isRead) throw new Error(report.topics.because);
      expect(report.topics.events).toBeGreaterThanOrEqual(compared);
      compared = report.topics.events;
      audits += 1;
    }
  } finally {
    isOver = true;
    await Promise.all(shoppers);
  }
  expect(audits).toBeGreaterThanOrEqual(AUDITS_MIN);
  expect(compared).toBeGreaterThanOrEqual(EVENTS_MIN);
  await river.untilSettled(bought);
  // Everything has come to rest: each order has one event on each topic.
  const last = await audit(river.ops, { topics });
  expect(last.holds).toBe(true);
  expect((last.topics as { events: number }).events).toBeGreaterThanOrEqual(bought.length * 2);
  const kafka = new Kafka({ brokers: river.stack.endpoints.kafkaBrokers, logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  try {
    const { groups } = await admin.listGroups();
    expect(groups.map(({ groupId }) => groupId).filter((id) => id.includes('audit'))).toEqual([]);
  } finally {
    await admin.disconnect();
  }
});

test('npm run audit reads the topics; without Kafka it fails and says why; --no-topics judges from rows and says so', async () => {
  await river.untilSettled([await river.buy([1])]);
  const whole = await command([]);
  expect(whole).toEqual({
    exitCode: 0,
    output: expect.stringMatching(/\ntopics: \d+ events compared/) as unknown,
  });
  const nowhere = { KAFKA_BROKERS: '127.0.0.1:1' };
  const failed = await command([], nowhere);
  expect(failed.exitCode).toBe(1);
  expect(failed.output).toMatch(/^BROKEN {2}topics-are-read/m);
  expect(failed.output).toMatch(/\ntopics: NOT READ \(.*ECONNREFUSED/);
  const rows = await command(['--no-topics'], nowhere);
  expect(rows).toEqual({
    exitCode: 0,
    output: expect.stringContaining('topics: NOT READ (not asked for)') as unknown,
  });
  const misread = await command(['--purged-before', '2026-11-01']);
  expect(misread.exitCode).toBe(1);
  expect(misread.output).toMatch(/--purged-before takes a past time like .*, not 2026-11-01$/m);
  const purged = await command(['--purged-before', '2026-11-01T00:00:00Z', '--no-topics']);
  expect(purged.exitCode).toBe(0);
  const json: Json = JSON.parse((await command(['--json'], nowhere)).output);
  expect(json.topics).toMatchObject({ isRead: false });
  expect(json.holds).toBe(false);
});
