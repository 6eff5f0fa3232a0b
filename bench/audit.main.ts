import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { Kafka, KafkaJSError, logLevel, type Admin } from 'kafkajs';
import { createConnection, type Connection } from 'mariadb';
import { createEncoder, type Encode } from '#contracts/codec';
import { readRecordSchemas } from '#contracts/records';
import { TOPICS } from '#contracts/topics';
import { readOptions } from '#kit/arguments';
import { sleep } from '#kit/clock';
import { runCommand } from '#kit/command';
import { ConfigError } from '#kit/config';
import { CommandError, print } from '#ops/command';
import { databaseUrl } from '#prisma/config';
import { migrate, seed } from '#prisma/migrate';
import { readStackSettings } from '#stack/config';
import { StackError, StackInterrupted, throwIfInterrupted } from '#stack/errors';
import { onInterruption } from '#stack/interruption';
import { freePorts } from '#stack/ports';
import { projectFolder } from '#stack/project';
import { stackReset, stackUp } from '#stack/stack';
import { insert } from './bulk';
import { benchEnvironment } from './config';
import { openMarket, type Market, type MarketCounts } from './market';

const USAGE = `npm run bench -- audit [--lines N] [--wallets N] [--retained-days N] [--buffer-mib N] [--json]
Fills a MySQL and a Kafka of its own with a market of N ledger lines (10,000,000) that were written within 30 days, and
measures \`npm run audit\` on it: the whole of it, again with nothing new, and again with 1,000 new lines. Both servers and
their data are removed.
  --retained-days N  outbox and topics have the events of the last N days (7); 30 is all of them
  --buffer-mib N     MySQL's buffer for tables and indexes (half of this machine's memory)`;

const LINES_MAX = 50_000_000;
const NEW_LINES = 1_000;
const DAY_MS = 86_400_000;
const MEMORY_POLL_MS = 100;
const SAY_EVERY_MS = 5_000;
const MARKET_DAYS = 30;
const GROUP_TRIES_MAX = 60;
const GROUP_PAUSE_MS = 500;
const MIB = 1_048_576;
/** As a shell says it of what SIGINT has ended. */
const INTERRUPTED = 130;
/** A server of its own would be given more; here the other half is for Kafka, the audit and the files' cache. */
const BUFFER_SHARE = 0.5;

/** The market is written without a binary log, and from files. */
const mysqlOptions = (bufferMib: number, folder: string): string[] => [
  '--skip-log-bin',
  '--innodb-flush-log-at-trx-commit=0',
  '--innodb-doublewrite=0',
  `--innodb-buffer-pool-size=${bufferMib}M`,
  '--innodb-log-file-size=1G',
  '--innodb-sort-buffer-size=64M',
  '--innodb-ddl-buffer-size=512M',
  `--secure-file-priv=${folder}`,
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
async function measure(
  what: string,
  args: string[],
  { env, signal }: { env: NodeJS.ProcessEnv; signal: AbortSignal },
): Promise<Measured> {
  throwIfInterrupted(signal);
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
  signal.addEventListener('abort', () => child.kill());
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

function progress(lines: number, signal: AbortSignal): (done: number) => void {
  const beganMs = performance.now();
  let saidMs = beganMs;
  return (done) => {
    throwIfInterrupted(signal);
    const now = performance.now();
    if (now - saidMs < SAY_EVERY_MS && done < lines) return;
    saidMs = now;
    say(`${done} of ${lines} lines, ${((done / (now - beganMs)) * 1_000).toFixed(0)} lines/s`);
  };
}

async function measureAll(
  market: Market,
  { lines, retainedDays }: { lines: number; retainedDays: number },
  place: { env: NodeJS.ProcessEnv; signal: AbortSignal },
): Promise<Measured[]> {
  const [beganMs, nowMs] = [performance.now(), Date.now()];
  const retainedFromMs = nowMs - retainedDays * DAY_MS;
  await market.grow(lines, {
    fromMs: nowMs - MARKET_DAYS * DAY_MS,
    endMs: nowMs - DAY_MS / 2,
    retainedFromMs,
  });
  const seconds = (performance.now() - beganMs) / 1_000;
  say(`the market was filled in ${seconds.toFixed(0)} s, ${(lines / seconds).toFixed(0)} lines/s`);
  // As an operator says it whose purge keeps so many days.
  const purged = ['--purged-before', new Date(retainedFromMs).toISOString()];
  const whole = await measure('the whole ledger', purged, place);
  const nothing = await measure('nothing new', purged, place);
  await market.grow(lines + NEW_LINES, { fromMs: Date.now() - 1_000, endMs: Date.now(), retainedFromMs });
  return [whole, nothing, await measure(`${NEW_LINES} new lines`, purged, place)];
}

function textOf(results: readonly Measured[], counts: MarketCounts, bufferMib: number): string {
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
  const { lines, orders, events, retainedEvents } = counts;
  const share = ((100 * retainedEvents) / events).toFixed(0);
  return [
    `audit of ${lines} ledger lines, ${orders} orders; MySQL with ${bufferMib} MiB of buffer`,
    `${retainedEvents} of ${events} events (${share} %) are in outbox and topics, the others were purged`,
    ...rows,
  ].join('\n');
}

function readArguments() {
  const { values } = readOptions(
    {
      options: {
        lines: { type: 'string', default: '10000000' },
        wallets: { type: 'string', default: '1000' },
        'retained-days': { type: 'string', default: '7' },
        'buffer-mib': { type: 'string', default: String(Math.floor((totalmem() * BUFFER_SHARE) / MIB)) },
        json: { type: 'boolean', default: false },
      },
    },
    USAGE,
  );
  const within = (text: string, least: number, most: number): number => {
    const value = Number(text);
    if (!Number.isSafeInteger(value) || value < least || value > most) throw new CommandError(USAGE);
    return value;
  };
  return {
    lines: within(values.lines, 1, LINES_MAX),
    wallets: within(values.wallets, 30, 100_000),
    retainedDays: within(values['retained-days'], 1, MARKET_DAYS),
    bufferMib: within(values['buffer-mib'], 64, 1_048_576),
    isJson: values.json,
  };
}

/**
 * A broker's first group waits for the topic of the groups, and is refused while its coordinator loads it. Others have
 * theirs from their first consumer on.
 */
async function untilGroupsAreKept(admin: Admin, topics: string[]): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await admin.fetchOffsets({ groupId: 'bench', topics });
      return;
    } catch (error) {
      const isOfTheMoment = error instanceof KafkaJSError && error.retriable;
      if (!isOfTheMoment || tries === GROUP_TRIES_MAX) throw error;
      await sleep(GROUP_PAUSE_MS);
    }
  }
}

/** Tells `event_schemas` of ids that no registry has given, and encodes under them. */
async function recordSchemas(root: Connection): Promise<Encode> {
  const schemas = readRecordSchemas().map(({ record, fingerprint }, index) => ({
    record,
    fingerprint,
    schemaId: index + 1,
  }));
  const rows = schemas.map(({ record, schemaId, fingerprint }) => [record, 1, schemaId, fingerprint]);
  await insert(root, 'event_schemas', 'record, version, schema_id, fingerprint', rows);
  return createEncoder(new Map(schemas.map(({ record, schemaId }) => [record, schemaId])));
}

async function bench(): Promise<number> {
  const { lines, wallets, retainedDays, bufferMib, isJson } = readArguments();
  const signal = onInterruption(say);
  const [mysql, kafka] = await freePorts(2);
  const stackDir = join(projectFolder(), '.stack-bench', String(process.pid));
  const loadFolder = `${stackDir}-load`;
  mkdirSync(loadFolder, { recursive: true });
  const env = benchEnvironment({ STACK_DIR: stackDir, MYSQL_PORT: String(mysql), KAFKA_PORT: String(kafka) });
  const settings = { ...readStackSettings(env), mysqlOptions: mysqlOptions(bufferMib, loadFolder) };
  try {
    const stack = await stackUp(settings, {
      servers: ['mysql', 'kafka'],
      signal,
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
      multipleStatements: true,
    });
    // What is said when it is cut off is what ends the command; an index may else be built for minutes.
    root.on('error', () => {});
    signal.addEventListener('abort', () => root.destroy());
    const client = new Kafka({ brokers: stack.endpoints.kafkaBrokers, logLevel: logLevel.ERROR });
    const admin = client.admin();
    const producer = client.producer({ idempotent: true, maxInFlightRequests: 1 });
    try {
      await Promise.all([admin.connect(), producer.connect()]);
      const topics = Object.entries(TOPICS).map(([topic, { partitions }]) => ({
        topic,
        numPartitions: partitions,
        // The events are as old as the market; what is retained is said by the arguments.
        configEntries: [{ name: 'retention.ms', value: '-1' }],
      }));
      await admin.createTopics({ topics, waitForLeaders: true });
      await untilGroupsAreKept(
        admin,
        topics.map(({ topic }) => topic),
      );
      const market = await openMarket({
        root,
        // In the order of the primary key of `settlements`: loading takes a fraction of the time.
        orderIdOf: (no) => `bench-${String(no).padStart(12, '0')}`,
        encode: await recordSchemas(root),
        producer,
        wallets,
        folder: loadFolder,
        progress: progress(lines, signal),
        say,
      });
      const results = await measureAll(market, { lines, retainedDays }, { env, signal });
      const counts = market.counts();
      print(isJson ? JSON.stringify({ ...counts, bufferMib, results }) : textOf(results, counts, bufferMib));
      return 0;
    } finally {
      await Promise.allSettled([admin.disconnect(), producer.disconnect(), root.end()]);
    }
  } catch (error) {
    throw signal.aborted ? new StackInterrupted() : error;
  } finally {
    await stackReset(settings);
    for (const folder of [stackDir, loadFolder]) rmSync(folder, { recursive: true, force: true });
  }
}

runCommand(bench, {
  expected: [CommandError, ConfigError, StackError, StackInterrupted],
  exitCode: (error) => (error instanceof StackInterrupted ? INTERRUPTED : 1),
});
