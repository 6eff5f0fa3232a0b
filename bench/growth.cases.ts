import { Kafka, logLevel, type Admin } from 'kafkajs';
import { createConnection } from 'mariadb';
import { sleep } from '#kit/clock';
import { CommandError } from '#ops/command';
import { DATABASE_NAME } from '#prisma/users';
import { throwIfInterrupted } from '#stack/errors';
import { caseRun, type BenchCase } from './case';
import type { BenchContext } from './context';
import { grownSystem, type GrownSystem } from './grown-system';
import { requireFewErrors } from './load.plan';
import type { Measurement } from './measurement';
import { measureWindow, purchasesOf } from './window';

// The same system with few rows and with many.

const SMALL_LINES = 10_000;
/** Payments that wait when the consumers start. */
const BACKLOG = 20_000;
const ERRORS_MAX = 0.01;
const POLL_MS = 500;
/** A topic that has not grown for so long has all of the outbox. */
const QUIET_MS = 3_000;
const SETTLED_TIMEOUT_MS = 600_000;

interface Grown {
  purchasesPerSecond: number;
  settledPerSecond: number;
}

async function untilQuiet(admin: Admin, topic: string, signal: AbortSignal): Promise<void> {
  const end = async (): Promise<number> =>
    (await admin.fetchTopicOffsets(topic)).reduce((sum, { high }) => sum + Number(high), 0);
  for (let [before, now] = [-1, await end()]; before !== now; [before, now] = [now, await end()])
    await sleep(QUIET_MS, signal);
}

/** Takes payments while nothing settles, and waits until the topic has them all. */
async function pileUp(context: BenchContext, system: GrownSystem): Promise<void> {
  const { clients, signal } = context.options;
  const result = await context.load({
    ...purchasesOf(system),
    shape: { loop: 'closed', clients },
    purchases: BACKLOG,
  });
  requireFewErrors('backlog', result, ERRORS_MAX);
  const admin = new Kafka({ brokers: [system.kafkaBroker], logLevel: logLevel.ERROR }).admin();
  await admin.connect();
  try {
    await untilQuiet(admin, 'payment', signal);
  } finally {
    await admin.disconnect();
  }
}

/** Payments per second, from the first credit of a backlog until the last of it is acknowledged. */
async function settleBacklog(context: BenchContext, system: GrownSystem): Promise<number> {
  const { signal } = context.options;
  const connection = await createConnection({
    ...system.mysql,
    database: DATABASE_NAME,
    allowPublicKeyRetrieval: true,
  });
  const rowOf = async (sql: string, values: unknown[] = []): Promise<Record<string, unknown>> =>
    (await connection.query<Record<string, unknown>[]>(sql, values))[0] ?? {};
  try {
    const before = await rowOf(
      `SELECT (SELECT MAX(no) FROM payment_events) AS payment, (SELECT MAX(no) FROM wallet_transactions) AS line`,
    );
    await system.withoutConsumers(() => pileUp(context, system));
    for (const deadlineMs = Date.now() + SETTLED_TIMEOUT_MS; ; await sleep(POLL_MS, signal)) {
      throwIfInterrupted(signal);
      const { payments, waiting, endMs } = await rowOf(
        `SELECT COUNT(*) AS payments, SUM(NOT is_wallet_done) AS waiting,
           UNIX_TIMESTAMP(MAX(updated_at)) * 1000 AS endMs
         FROM payment_events FORCE INDEX (PRIMARY) WHERE no > ? AND status = 'SUCCESS'`,
        [before['payment']],
      );
      if (Number(waiting) === 0) {
        const { beginMs } = await rowOf(
          'SELECT UNIX_TIMESTAMP(MIN(created_at)) * 1000 AS beginMs FROM wallet_transactions WHERE no > ?',
          [before['line']],
        );
        return (Number(payments) / (Number(endMs) - Number(beginMs))) * 1_000;
      }
      if (Date.now() > deadlineMs)
        throw new CommandError(
          `${String(waiting)} payments are not settled ${SETTLED_TIMEOUT_MS / 1_000} s later`,
        );
    }
  } finally {
    await connection.end();
  }
}

/** Throughput of whole purchases, then the rate at which a backlog is settled. */
async function measureGrown(context: BenchContext, system: GrownSystem): Promise<Grown> {
  const { purchasesPerSecond } = await measureWindow(context, system);
  context.options.say(`${purchasesPerSecond.toFixed(1)} purchases/s; now a backlog of ${BACKLOG} payments …`);
  const settledPerSecond = await settleBacklog(context, system);
  context.options.say(`${settledPerSecond.toFixed(1)} payments/s settled`);
  return { purchasesPerSecond, settledPerSecond };
}

const grown = (name: string, linesOf: (context: BenchContext) => number): Measurement<Grown> => ({
  name,
  async take(context) {
    const { signal, say } = context.options;
    const place = { signal, say: (text: string) => say(`${name}: ${text}`) };
    const lines = linesOf(context);
    return measureGrown(
      context,
      await context.use(name, (stackDir) => grownSystem(lines, { ...place, stackDir })),
    );
  },
});

const small = grown('growth-small', () => SMALL_LINES);
const big = grown('growth-big', ({ options }) => options.lines);

function growthCase(
  name: string,
  valueOf: (grown: Grown) => number,
  { title, unit, what }: { title: string; unit: string; what: string },
): BenchCase {
  return {
    name,
    title,
    measured: `${what}, with 10 million (--lines) ledger lines, outbox and inbox rows`,
    rival: `the same with ${SMALL_LINES} of each`,
    unit,
    bar: { kind: 'at-least', ratio: 0.85 },
    needs: [small, big],
    isLong: true,
    async run(context) {
      return caseRun(valueOf(await context.take(big)), valueOf(await context.take(small)));
    },
  };
}

export const GROWTH_CASES: readonly BenchCase[] = [
  growthCase('growth-confirm', ({ purchasesPerSecond }) => purchasesPerSecond, {
    title: 'Throughput with many rows against few',
    unit: 'purchases/s',
    what: 'purchases through the whole system, 64 clients',
  }),
  growthCase('growth-settlement', ({ settledPerSecond }) => settledPerSecond, {
    title: 'Settlement with many rows against few',
    unit: 'payments/s',
    what: `settling a backlog of ${BACKLOG} payments`,
  }),
];
