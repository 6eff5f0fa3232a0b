import { sleep } from '#kit/clock';
import { CommandError } from '#ops/command';
import { DATABASE_NAME } from '#prisma/users';
import { caseRun, type BenchCase } from './case';
import type { BenchContext } from './context';
import type { LoadSamples } from './load.plan';
import type { Measurement } from './measurement';
import { now } from './purchases.cases';
import type { CreditsSeen, ObserverPlan, RatePlan, RateResult } from './rivals/rate.plan';
import { quantile } from './statistics';
import { purchasesOf } from './window';

// Latency at half of the top rate, with its floors at the same rate on the same servers.

const RIVAL_WARM_UP_S = 5;
const OBSERVER_START_MS = 1_000;
/** After the load, until the last credits are seen. */
const SETTLING_S = 5;
const CONFIRMED = 200;

/** The product at half of its top rate, ms. */
interface HalfWindow {
  perSecond: number;
  confirmMs: number[];
  /** From confirm's answer until the credits were seen committed. */
  creditedMs: number[];
}

/** Half of the product's top rate, purchases/s. */
export const halfRate = async (context: BenchContext): Promise<number> =>
  (await context.take(now)).purchasesPerSecond / 2;

const half: Measurement<HalfWindow> = {
  name: 'half',
  async take(context) {
    const perSecond = await halfRate(context);
    const system = await context.system('now');
    const { say, seconds } = context.options;
    say(`half: ${seconds} s at ${perSecond.toFixed(1)} purchases/s …`);
    return context.withChild<ObserverPlan, CreditsSeen, HalfWindow>('credit-observer', async (observer) => {
      const plan = { ...system.mysql, database: DATABASE_NAME };
      // Its process has started and its connection is open before the first purchase.
      await observer.run({ ...plan, seconds: 0 });
      const watching = observer.run({ ...plan, seconds: seconds + 1 + SETTLING_S });
      await sleep(OBSERVER_START_MS);
      const { samples } = await context.load({
        ...purchasesOf(system),
        shape: { loop: 'open', purchasesPerSecond: perSecond, arrivals: 'poisson' },
        seconds,
      });
      return { perSecond, ...latenciesOf(samples, await watching) };
    });
  },
};

/** Latencies of the purchases that were confirmed. @throws CommandError when one was not credited in time */
function latenciesOf(samples: LoadSamples, seen: CreditsSeen): Pick<HalfWindow, 'confirmMs' | 'creditedMs'> {
  const seenAtMs = new Map(seen.orderId.map((orderId, index) => [orderId, seen.seenAtMs[index] ?? 0]));
  const confirmed = samples.orderId.flatMap((orderId, index) =>
    samples.confirmStatus[index] === CONFIRMED
      ? [
          {
            orderId,
            confirmMs: samples.confirmMs[index] ?? 0,
            answeredAtMs: samples.confirmedAtMs[index] ?? 0,
          },
        ]
      : [],
  );
  const missing = confirmed.filter(({ orderId }) => !seenAtMs.has(orderId));
  const [first] = missing;
  if (first !== undefined) {
    const share = `${missing.length} of ${confirmed.length} orders were`;
    throw new CommandError(
      `${share} not credited ${SETTLING_S} s after the load, ${first.orderId} among them`,
    );
  }
  return {
    confirmMs: confirmed.map(({ confirmMs }) => confirmMs),
    creditedMs: confirmed.map(({ orderId, answeredAtMs }) =>
      Math.max((seenAtMs.get(orderId) ?? Number.NaN) - answeredAtMs, 0),
    ),
  };
}

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
    needs: [now, half, rival],
    async run(context) {
      const { confirmMs, creditedMs } = await context.take(half);
      const { latencyMs } = await context.take(rival);
      return caseRun(quantile(isConfirm ? confirmMs : creditedMs, share), quantile(latencyMs, share));
    },
  };
}

export const LATENCY_CASES: readonly BenchCase[] = [
  latencyCase('confirm-p50', 'confirm', { share: 0.5, ratio: 2 }),
  latencyCase('confirm-p99', 'confirm', { share: 0.99, ratio: 5 }),
  latencyCase('credited-p50', 'credited', { share: 0.5, ratio: 2.5 }),
  latencyCase('credited-p99', 'credited', { share: 0.99, ratio: 3 }),
];
