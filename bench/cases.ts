import { caseRun, type BenchCase } from './case';
import { BEFORE_COMMIT } from './context';
import { sumOf } from './processes';

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
];
