import { spawn } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Kafka, logLevel } from 'kafkajs';
import { createConnection } from 'mariadb';
import { TOPICS } from '#contracts/topics';
import { CommandError, print, runOperation } from '#ops/command';
import { databaseUrl } from '#prisma/config';
import { migrate, seed } from '#prisma/migrate';
import { readStackSettings } from '#stack/config';
import { freePorts } from '#stack/ports';
import { projectFolder } from '#stack/project';
import { stackReset, stackUp } from '#stack/stack';
import { benchEnvironment } from './config';
import { openMarket, type Market } from './market';

const USAGE = `npm run bench -- audit [--lines N] [--wallets N] [--json]
Fills a MySQL and a Kafka of its own with a market of N ledger lines (10,000,000), and measures \`npm run audit\` on it:
the whole of it, again with nothing new, and again with 1,000 new lines. Both servers and their data are removed.`;

const LINES_MAX = 50_000_000;
const NEW_LINES = 1_000;
const DAY_MS = 86_400_000;
const MEMORY_POLL_MS = 100;
const SAY_EVERY_MS = 5_000;
/** The market is written without a binary log; the audit reads under the buffer that is said here. */
const BUFFER_POOL_MIB = 1_024;
const MYSQL_OPTIONS = [
  '--skip-log-bin',
  '--innodb-flush-log-at-trx-commit=0',
  '--innodb-doublewrite=0',
  `--innodb-buffer-pool-size=${BUFFER_POOL_MIB}M`,
  '--innodb-log-file-size=1G',
  '--max-allowed-packet=64M',
];

const say = (text: string): void => void process.stderr.write(`${text}\n`);

interface Measured {
  what: string;
  seconds: number;
  /** Resident memory of the audit's process at its peak. */
  peakMiB: number;
  verifiedLines: number;
  comparedEvents: number;
}

/** Kilobytes that the kernel has counted at most; 0 once the process is gone. */
function peakKib(pid: number): number {
  try {
    return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}

/** Runs the operator's command as a process of its own. @throws CommandError when it does not hold */
async function measure(what: string, args: string[], env: NodeJS.ProcessEnv): Promise<Measured> {
  say(`audit: ${what} …`);
  const beganMs = performance.now();
  const script = join(projectFolder(), 'dist', 'ops', 'audit.main.js');
  const child = spawn(process.execPath, [script, '--json', '--timings', ...args], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  let peak = 0;
  const poll = setInterval(() => (peak = Math.max(peak, peakKib(child.pid ?? 0))), MEMORY_POLL_MS);
  const exitCode = await new Promise<number | null>((resolve) => child.once('close', resolve));
  clearInterval(poll);
  const seconds = (performance.now() - beganMs) / 1_000;
  if (exitCode !== 0) throw new CommandError(`the audit ended with ${exitCode}: ${output.slice(0, 4_000)}`);
  const report = JSON.parse(output) as {
    ledger: { verifiedLines: number };
    topics: { events?: number };
  };
  return {
    what,
    seconds,
    peakMiB: peak / 1_024,
    verifiedLines: report.ledger.verifiedLines,
    comparedEvents: report.topics.events ?? 0,
  };
}

function progress(lines: number): (done: number) => void {
  const beganMs = performance.now();
  let saidMs = beganMs;
  return (done) => {
    const now = performance.now();
    if (now - saidMs < SAY_EVERY_MS && done < lines) return;
    saidMs = now;
    say(`${done} of ${lines} lines, ${((done / (now - beganMs)) * 1_000).toFixed(0)} lines/s`);
  };
}

async function measureAll(market: Market, lines: number, env: NodeJS.ProcessEnv): Promise<Measured[]> {
  const day = Date.now();
  await market.grow(lines, { fromMs: day - 30 * DAY_MS, endMs: day - DAY_MS });
  const whole = await measure('the whole ledger', [], env);
  const nothing = await measure('nothing new', [], env);
  await market.grow(lines + NEW_LINES, { fromMs: Date.now() - 1_000, endMs: Date.now() });
  return [whole, nothing, await measure(`${NEW_LINES} new lines`, [], env)];
}

function textOf(results: readonly Measured[], market: Market): string {
  const [whole] = results;
  const rows = results.map(({ what, seconds, peakMiB, verifiedLines, comparedEvents }) =>
    [
      what.padEnd(18),
      `${seconds.toFixed(1)} s`.padStart(10),
      `${((whole?.seconds ?? 0) / seconds).toFixed(0)}×`.padStart(8),
      `${(verifiedLines / seconds).toFixed(0)} lines/s`.padStart(16),
      `${comparedEvents} events`.padStart(18),
      `${peakMiB.toFixed(0)} MiB`.padStart(10),
    ].join(''),
  );
  return [
    `audit of ${market.lines()} ledger lines, ${market.orders()} orders; MySQL with ${BUFFER_POOL_MIB} MiB of buffer`,
    ...rows,
  ].join('\n');
}

runOperation(async () => {
  const { values } = parseArgs({
    options: {
      lines: { type: 'string', default: '10000000' },
      wallets: { type: 'string', default: '1000' },
      json: { type: 'boolean', default: false },
    },
  });
  const [lines, wallets] = [Number(values.lines), Number(values.wallets)];
  if (!Number.isSafeInteger(lines) || lines < 1 || lines > LINES_MAX) throw new CommandError(USAGE);
  if (!Number.isSafeInteger(wallets) || wallets < 30 || wallets > 100_000) throw new CommandError(USAGE);
  const [mysql, kafka] = await freePorts(2);
  const stackDir = join(projectFolder(), '.stack-bench', String(process.pid));
  const env = benchEnvironment({ STACK_DIR: stackDir, MYSQL_PORT: String(mysql), KAFKA_PORT: String(kafka) });
  const settings = { ...readStackSettings(env), mysqlOptions: MYSQL_OPTIONS };
  try {
    const stack = await stackUp(settings, {
      servers: ['mysql', 'kafka'],
      report: ({ title, phase }) => phase === 'healthy' && say(`${title} is healthy`),
    });
    await migrate(databaseUrl('migrator', env));
    await seed(databaseUrl('migrator', env));
    const { host, port, rootUser: user, rootPassword: password, database } = stack.endpoints.mysql;
    const root = await createConnection({
      host,
      port,
      user,
      password,
      database,
      allowPublicKeyRetrieval: true,
    });
    const client = new Kafka({ brokers: stack.endpoints.kafkaBrokers, logLevel: logLevel.ERROR });
    const admin = client.admin();
    const producer = client.producer({ idempotent: true, maxInFlightRequests: 1 });
    try {
      await Promise.all([admin.connect(), producer.connect()]);
      const topics = Object.entries(TOPICS).map(([topic, { partitions }]) => ({
        topic,
        numPartitions: partitions,
      }));
      await admin.createTopics({ topics, waitForLeaders: true });
      const market = await openMarket({ root, producer, wallets, say: progress(lines) });
      const results = await measureAll(market, lines, env);
      print(values.json ? JSON.stringify(results) : textOf(results, market));
      return 0;
    } finally {
      await Promise.all([admin.disconnect(), producer.disconnect(), root.end()]);
    }
  } finally {
    await stackReset(settings);
    rmSync(stackDir, { recursive: true, force: true });
  }
});
