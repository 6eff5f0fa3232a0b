import { caseRun, type BenchCase } from './case';
import { BEFORE_COMMIT } from './context';
import { sumOf } from './processes';
import { quantile } from './statistics';

const LATENCIES = {
  commits: {
    title: 'Confirm latency at half of the top rate',
    measured: 'confirm, from sending it to its answer',
    rival: 'two durable commits and one round trip to the PSP, at the same rate',
  },
  cdc: {
    title: 'Settlement latency at half of the top rate',
    measured: 'from confirm’s answer until the credits are seen committed',
    rival: 'an outbox row through Debezium to an empty handler, at the same rate',
  },
} as const;

function latencyCase(
  name: string,
  floor: keyof typeof LATENCIES,
  { share, ratio }: { share: number; ratio: number },
): BenchCase {
  const { title, measured, rival } = LATENCIES[floor];
  const percentile = `p${share * 100}`;
  return {
    name,
    title: `${title}, ${percentile}`,
    measured,
    rival,
    unit: `ms, ${percentile}`,
    bar: { kind: 'at-most', ratio },
    needs: ['now', 'half', floor],
    async run(context) {
      const half = await context.take('half');
      const { latencyMs } = await context.take(floor);
      const samples = floor === 'commits' ? half.confirmMs : half.creditedMs;
      return caseRun(quantile(samples, share), quantile(latencyMs, share));
    },
  };
}

/** Every case of `npm run bench`, in the order of the report. */
export const CASES: readonly BenchCase[] = [
  {
    name: 'purchases',
    title: 'Throughput against the purchase’s own SQL',
    measured: 'purchases through the whole system, 64 clients',
    rival: 'the same statements through the bare driver, 64 at a time, on the same MySQL',
    unit: 'purchases/s',
    bar: { kind: 'at-least', ratio: 0.6 },
    needs: ['now', 'bare'],
    async run(context) {
      const [now, bare] = [await context.take('now'), await context.take('bare')];
      return caseRun(now.purchasesPerSecond, bare.purchasesPerSecond);
    },
  },
  {
    name: 'purchases-before',
    title: `Throughput against ${BEFORE_COMMIT}`,
    measured: 'purchases through the whole system, 64 clients',
    rival: `the same load on this repository at ${BEFORE_COMMIT}`,
    unit: 'purchases/s',
    bar: { kind: 'at-least', ratio: 5 },
    needs: ['now', 'before'],
    async run(context) {
      const [now, before] = [await context.take('now'), await context.take('before')];
      return caseRun(now.purchasesPerSecond, before.purchasesPerSecond);
    },
  },
  {
    name: 'cpu',
    title: `CPU per purchase against ${BEFORE_COMMIT}`,
    measured: 'CPU of all servers and processes until every purchase is settled, without the load generator',
    rival: `the same at ${BEFORE_COMMIT}`,
    unit: 'ms CPU/purchase',
    bar: { kind: 'at-most', ratio: 0.25 },
    needs: ['now', 'before'],
    async run(context) {
      const [now, before] = [await context.take('now'), await context.take('before')];
      return caseRun(sumOf(now.cpuPerPurchase), sumOf(before.cpuPerPurchase));
    },
  },
  latencyCase('confirm-p50', 'commits', { share: 0.5, ratio: 2 }),
  latencyCase('confirm-p99', 'commits', { share: 0.99, ratio: 5 }),
  latencyCase('credited-p50', 'cdc', { share: 0.5, ratio: 2.5 }),
  latencyCase('credited-p99', 'cdc', { share: 0.99, ratio: 3 }),
];
