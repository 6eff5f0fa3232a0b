import { createConnection } from 'mariadb';
import { CommandError } from '#ops/command';
import { DATABASE_NAME } from '#prisma/users';
import { caseRun, type Bar, type BenchCase } from './case';
import type { BenchContext } from './context';
import { errorCounts, purchasesPerSecond, type LoadPlan, type LoadResult } from './load.plan';
import type { Measurement } from './measurement';
import { now } from './purchases.cases';
import { calmAfterS } from './recovery';
import type { Server } from './rivals/bare-sql.plan';
import { quantile } from './statistics';
import type { SystemUnderTest } from './system-under-test';
import { purchasesOf, untilSettled } from './window';

// Politeness: a minute at three times the top rate, against the same system at its limit just before.

const OVERLOAD_S = 60;
const OVERLOAD_FACTOR = 3;
/** Of the top rate: an open loop at all of it would build up a queue without end. */
const LIMIT_SHARE = 0.95;
const CALM_SHARE = 1 / 3;
const RECOVERY_WATCHED_S = 20;
const RECOVERY_MAX_S = 5;
/** Of normal's p99: a recovered system is not held to the noise of one second. */
const NORMAL_FACTOR = 2;
/** A generator that is later than this did not offer the rate that it says. */
const LATE_MAX_MS = 1_000;
const CONFIRMED = 200;
const IN_DOUBT = 202;

interface Overloaded {
  /** The better of the closed loop and the open loop at the limit, purchases/s. */
  bestPerSecond: number;
  perSecond: number;
  limitP99Ms: number;
  p99Ms: number;
  /** At least so many when it is as long as the window after the overload. */
  recoveredAfterS: number;
  /** Payments that the PSP was asked for, and those of them whose shopper was left in doubt. */
  payments: number;
  inDoubt: number;
  errors: [string, number][];
  /** Of the load generator during the overload, cores. */
  loadCores: number;
}

const confirmP99Ms = ({ samples }: LoadResult): number =>
  quantile(
    samples.confirmMs.filter((_, index) => samples.confirmStatus[index] === CONFIRMED),
    0.99,
  );

/** @throws CommandError when the load generator did not keep up */
async function loadAt(
  context: BenchContext,
  system: SystemUnderTest,
  { what, perSecond, seconds }: { what: string; perSecond: number; seconds: number },
): Promise<{ plan: LoadPlan; result: LoadResult }> {
  const { say } = context.options;
  say(`overload, ${what}: ${seconds} s at ${perSecond.toFixed(1)} purchases/s …`);
  const shape = { loop: 'open', purchasesPerSecond: perSecond, arrivals: 'poisson' } as const;
  const plan: LoadPlan = { ...purchasesOf(system), shape, seconds };
  const result = await context.load(plan);
  if (result.lateMs > LATE_MAX_MS)
    throw new CommandError(`${what}: the load generator was ${result.lateMs.toFixed(0)} ms late`);
  return { plan, result };
}

/** Orders that have ever been UNKNOWN. */
async function ordersInDoubt(server: Server): Promise<Set<string>> {
  const connection = await createConnection({
    ...server,
    database: DATABASE_NAME,
    allowPublicKeyRetrieval: true,
  });
  try {
    const rows = await connection.query<{ orderId: string }[]>(
      `SELECT DISTINCT payment_orders.order_id AS orderId FROM payment_order_histories
       JOIN payment_orders ON payment_orders.no = payment_order_no WHERE new_status = 'UNKNOWN'`,
    );
    return new Set(rows.map(({ orderId }) => orderId));
  } finally {
    await connection.end();
  }
}

const overload: Measurement<Overloaded> = {
  name: 'overload',
  async take(context) {
    const top = (await context.take(now)).purchasesPerSecond;
    const system = await context.system('now');
    const { say, seconds, signal } = context.options;
    const calm = { what: 'before', perSecond: top * CALM_SHARE, seconds };
    const before = await loadAt(context, system, calm);
    const limit = await loadAt(context, system, {
      what: 'at the limit',
      perSecond: top * LIMIT_SHARE,
      seconds,
    });
    await untilSettled(system.apiUrl, limit.result.samples, signal);
    const beganMs = performance.now();
    const beyond = { what: 'beyond it', perSecond: top * OVERLOAD_FACTOR, seconds: OVERLOAD_S };
    const { plan, result } = await loadAt(context, system, beyond);
    // From the last purchase that was offered: what was still under way is part of the recovery.
    const sinceOverloadS = (performance.now() - beganMs) / 1_000 - OVERLOAD_S;
    const after = await loadAt(context, system, { ...calm, what: 'after', seconds: RECOVERY_WATCHED_S });
    const limitMs = NORMAL_FACTOR * confirmP99Ms(before.result);
    const calmed = calmAfterS(after.result.samples, { limitMs, seconds: RECOVERY_WATCHED_S });
    const { confirmStatus, orderId } = result.samples;
    const inDoubt = await ordersInDoubt(system.mysql);
    const isInDoubt = (index: number): boolean =>
      confirmStatus[index] === IN_DOUBT || inDoubt.has(orderId[index] ?? '');
    const measured: Overloaded = {
      bestPerSecond: Math.max(top, purchasesPerSecond(limit.plan, limit.result)),
      perSecond: purchasesPerSecond(plan, result),
      limitP99Ms: confirmP99Ms(limit.result),
      p99Ms: confirmP99Ms(result),
      recoveredAfterS: sinceOverloadS + calmed,
      payments: confirmStatus.filter((status, index) => status === CONFIRMED || isInDoubt(index)).length,
      inDoubt: confirmStatus.filter((_, index) => isInDoubt(index)).length,
      errors: errorCounts(result),
      loadCores: result.cpuMs / result.elapsedMs,
    };
    say(`overload: ${JSON.stringify(measured)}`);
    return measured;
  },
};

interface Sides {
  title: string;
  measured: string;
  rival: string;
  unit: string;
  bar: Bar;
  sidesOf: (overloaded: Overloaded) => [number, number];
}

const overloadCase = (name: string, { sidesOf, ...texts }: Sides): BenchCase => ({
  name,
  ...texts,
  needs: [now, overload],
  run: async (context) => caseRun(...sidesOf(await context.take(overload))),
});

export const OVERLOAD_CASES: readonly BenchCase[] = [
  overloadCase('overload-goodput', {
    title: 'Goodput at three times the top rate',
    measured:
      'confirms answered with 200, a minute at three times the top rate, the load generator on the same cores',
    rival: 'the better of a closed loop of 64 clients and an open loop at 0.95 of its rate',
    unit: 'purchases/s',
    bar: { kind: 'at-least', ratio: 0.9 },
    sidesOf: ({ perSecond, bestPerSecond }) => [perSecond, bestPerSecond],
  }),
  overloadCase('overload-p99', {
    title: 'Confirm latency at three times the top rate, p99',
    measured: 'confirms answered with 200, a minute at three times the top rate',
    rival: 'the same at 0.95 of the top rate',
    unit: 'ms, p99',
    bar: { kind: 'at-most', ratio: 2 },
    sidesOf: ({ p99Ms, limitP99Ms }) => [p99Ms, limitP99Ms],
  }),
  overloadCase('overload-recovery', {
    title: 'Normal again after a minute at three times the top rate',
    measured:
      'until three seconds in a row are normal at a third of the top rate: none refused, p99 within twice that of before',
    rival: `${RECOVERY_MAX_S} s`,
    unit: 's',
    bar: { kind: 'at-most', ratio: 1 },
    sidesOf: ({ recoveredAfterS }) => [recoveredAfterS, RECOVERY_MAX_S],
  }),
  overloadCase('overload-unknown', {
    title: 'Shoppers left in doubt at three times the top rate',
    measured: 'payments that were ever UNKNOWN or answered with 202, although the PSP was well',
    rival: 'payments that the PSP was asked for',
    unit: 'payments',
    bar: { kind: 'at-most', ratio: 0 },
    sidesOf: ({ inDoubt, payments }) => [inDoubt, payments],
  }),
];
