import { sleep } from '#kit/clock';
import { CommandError } from '#ops/command';
import { DATABASE_NAME } from '#prisma/users';
import { caseRun, type BenchCase } from './case';
import type { BenchContext } from './context';
import type { Measurement } from './measurement';
import { now } from './purchases.cases';
import type { CreditsSeen, ObserverPlan, RatePlan, RateResult } from './rivals/rate.plan';
import { quantile } from './statistics';
import type { SystemUnderTest } from './system-under-test';
import { purchasesOf } from './window';

// Latency at half of the top rate, with its floors at the same rate on the same servers.

export const RIVAL_WARM_UP_S = 5;
const OBSERVER_START_MS = 1_000;
/** After the load, until the last credits are seen. */
const SETTLING_S = 5;
const CONFIRMED = 200;

/** Half of the product's top rate, purchases/s. */
export const halfRate = async (context: BenchContext): Promise<number> =>
  (await context.take(now)).purchasesPerSecond / 2;

/** A paid order, and the wall clock at which the buyer's side knew it. */
interface Paid {
  orderId: string;
  atMs: number;
}

/**
 * Latency of each order that `load` pays within the context's seconds: from then until its credits are seen committed, ms.
 *
 * @throws CommandError when an order is not credited five seconds after the load
 */
export async function creditLatencies(
  context: BenchContext,
  system: SystemUnderTest,
  load: () => Promise<readonly Paid[]>,
): Promise<number[]> {
  return context.withChild<ObserverPlan, CreditsSeen, number[]>('credit-observer', async (observer) => {
    const plan = { ...system.mysql, database: DATABASE_NAME };
    // Its process has started and its connection is open before the first purchase.
    await observer.run({ ...plan, seconds: 0 });
    const watching = observer.run({ ...plan, seconds: context.options.seconds + 1 + SETTLING_S });
    await sleep(OBSERVER_START_MS);
    const paid = await load();
    const seen = await watching;
    const seenAtMs = new Map(seen.orderId.map((orderId, index) => [orderId, seen.seenAtMs[index] ?? 0]));
    const missing = paid.filter(({ orderId }) => !seenAtMs.has(orderId));
    const [first] = missing;
    if (first !== undefined) {
      const share = `${missing.length} of ${paid.length} orders were`;
      throw new CommandError(
        `${share} not credited ${SETTLING_S} s after the load, ${first.orderId} among them`,
      );
    }
    return paid.map(({ orderId, atMs }) => Math.max((seenAtMs.get(orderId) ?? Number.NaN) - atMs, 0));
  });
}

/** Purchases at half of the product's top rate, those that were paid. */
async function loadAtHalf(
  context: BenchContext,
  name: string,
  system: SystemUnderTest,
): Promise<(Paid & { confirmMs: number })[]> {
  const { say, seconds } = context.options;
  const perSecond = await halfRate(context);
  say(`${name}: ${seconds} s at ${perSecond.toFixed(1)} purchases/s …`);
  const { samples } = await context.load({
    ...purchasesOf(system),
    shape: { loop: 'open', purchasesPerSecond: perSecond, arrivals: 'poisson' },
    seconds,
  });
  return samples.orderId.flatMap((orderId, index) =>
    samples.confirmStatus[index] === CONFIRMED
      ? [{ orderId, atMs: samples.confirmedAtMs[index] ?? 0, confirmMs: samples.confirmMs[index] ?? 0 }]
      : [],
  );
}

/** Latency of confirms at half of the product's top rate, ms. */
const confirms: Measurement<number[]> = {
  name: 'confirms',
  async take(context) {
    const paid = await loadAtHalf(context, 'confirms', await context.system('now'));
    return paid.map(({ confirmMs }) => confirmMs);
  },
};

/** From confirm's answer until the credits are seen committed, at half of the product's top rate, ms. */
export const credits: Measurement<number[]> = {
  name: 'credits',
  async take(context) {
    const system = await context.system('now');
    // The observer's polls take CPU: confirms have a window of their own.
    return creditLatencies(context, system, () => loadAtHalf(context, 'credits', system));
  },
};

/** A rival of its own process, at half of the product's top rate. */
const floor = (name: string, script: string): Measurement<RateResult> => ({
  name,
  async take(context) {
    const perSecond = await halfRate(context);
    const { simulatorUrl, mysql, kafkaBroker } = await context.system('now');
    const { say, seconds } = context.options;
    say(`${name}: ${seconds} s at ${perSecond.toFixed(1)}/s …`);
    return context.withChild<RatePlan, RateResult, RateResult>(script, async (rival) => {
      const plan = { ...mysql, database: DATABASE_NAME, simulatorUrl, kafkaBroker, perSecond };
      await rival.run({ ...plan, seconds: RIVAL_WARM_UP_S });
      return rival.run({ ...plan, seconds });
    });
  },
});

const commits = floor('commits', 'rivals/durable-commits');
const cdc = floor('cdc', 'rivals/bare-cdc');

function latencyCase(
  name: string,
  of: 'confirm' | 'credited',
  { share, ratio }: { share: number; ratio: number },
): BenchCase {
  const isConfirm = of === 'confirm';
  const own = isConfirm ? confirms : credits;
  const rival = isConfirm ? commits : cdc;
  const percentile = `p${share * 100}`;
  return {
    name,
    title: `${isConfirm ? 'Confirm' : 'Settlement'} latency at half of the top rate, ${percentile}`,
    measured: isConfirm
      ? 'confirm, from sending it to its answer'
      : 'from confirm’s answer until the credits are seen committed',
    rival: isConfirm
      ? 'two durable commits and one round trip to the PSP, at the same rate'
      : 'an outbox row through Debezium to an empty handler, at the same rate',
    unit: `ms, ${percentile}`,
    bar: { kind: 'at-most', ratio },
    needs: [now, own, rival],
    async run(context) {
      const ownMs = await context.take(own);
      const { latencyMs } = await context.take(rival);
      return caseRun(quantile(ownMs, share), quantile(latencyMs, share));
    },
  };
}

export const LATENCY_CASES: readonly BenchCase[] = [
  latencyCase('confirm-p50', 'confirm', { share: 0.5, ratio: 2 }),
  latencyCase('confirm-p99', 'confirm', { share: 0.99, ratio: 5 }),
  latencyCase('credited-p50', 'credited', { share: 0.5, ratio: 2.5 }),
  latencyCase('credited-p99', 'credited', { share: 0.99, ratio: 3 }),
];
