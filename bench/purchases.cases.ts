import { DATABASE_NAME } from '#prisma/users';
import { caseRun, type BenchCase } from './case';
import { LINES_PER_ORDER, PRODUCT_NOS } from './catalog';
import { BEFORE_COMMIT, type BenchContext } from './context';
import type { Measurement } from './measurement';
import { sumOf } from './processes';
import { copySchema, type BarePlan, type BareResult } from './rivals/bare-sql.plan';
import { measureWindow, type LoadWindow } from './window';

// Throughput and CPU of whole purchases, in a closed loop.

const BARE_WARM_UP_PURCHASES = 300;
/** As many as the API, the worker and the wallet consumer write with: 10, 1 and 1. */
const BARE_CONNECTIONS = 12;

async function wholeSystem(context: BenchContext, name: 'now' | 'before'): Promise<LoadWindow> {
  const system = await context.system(name);
  const { say, seconds } = context.options;
  say(`${name}: warming up, then ${seconds} s of purchases …`);
  const window = await measureWindow(context, system);
  const settled = `the last settled ${(window.settledAfterMs / 1_000).toFixed(1)} s later`;
  say(`${name}: ${window.purchasesPerSecond.toFixed(1)} purchases/s, ${settled}`);
  return window;
}

export const now: Measurement<LoadWindow> = { name: 'now', take: (context) => wholeSystem(context, 'now') };
const before: Measurement<LoadWindow> = {
  name: 'before',
  take: (context) => wholeSystem(context, 'before'),
};

interface BareWindow {
  purchasesPerSecond: number;
  purchases: number;
  samples: BareResult;
}

const bare: Measurement<BareWindow> = {
  name: 'bare',
  async take(context) {
    const { mysql } = await context.system('now');
    const { say, seconds, clients } = context.options;
    const database = `${DATABASE_NAME}_bare`;
    await copySchema(mysql, DATABASE_NAME, database);
    say(`bare: warming up, then ${seconds} s of the same SQL through the driver …`);
    const catalog = { productNos: PRODUCT_NOS, linesPerOrder: LINES_PER_ORDER };
    const plan = { ...mysql, ...catalog, database, clients, connections: BARE_CONNECTIONS };
    return context.withChild<BarePlan, BareResult, BareWindow>('rivals/bare-sql', async (rival) => {
      await rival.run({ ...plan, purchases: BARE_WARM_UP_PURCHASES });
      const samples = await rival.run({ ...plan, seconds });
      const inWindow = samples.endMs.filter((end) => end <= seconds * 1_000).length;
      say(`bare: ${(inWindow / seconds).toFixed(1)} purchases/s`);
      return { purchasesPerSecond: inWindow / seconds, purchases: samples.endMs.length, samples };
    });
  },
};

export const PURCHASE_CASES: readonly BenchCase[] = [
  {
    name: 'purchases',
    title: 'Throughput against the purchase’s own SQL',
    measured: 'purchases through the whole system, 64 clients',
    rival: 'the same statements through the bare driver, 64 at a time, on the same MySQL',
    unit: 'purchases/s',
    bar: { kind: 'at-least', ratio: 0.6 },
    needs: [now, bare],
    async run(context) {
      const [ours, theirs] = [await context.take(now), await context.take(bare)];
      return caseRun(ours.purchasesPerSecond, theirs.purchasesPerSecond);
    },
  },
  {
    name: 'purchases-before',
    title: `Throughput against ${BEFORE_COMMIT}`,
    measured: 'purchases through the whole system, 64 clients',
    rival: `the same load on this repository at ${BEFORE_COMMIT}`,
    unit: 'purchases/s',
    bar: { kind: 'at-least', ratio: 5 },
    needs: [now, before],
    async run(context) {
      const [ours, theirs] = [await context.take(now), await context.take(before)];
      return caseRun(ours.purchasesPerSecond, theirs.purchasesPerSecond);
    },
  },
  {
    name: 'cpu',
    title: `CPU per purchase against ${BEFORE_COMMIT}`,
    measured: 'CPU of all servers and processes until every purchase is settled, without the load generator',
    rival: `the same at ${BEFORE_COMMIT}`,
    unit: 'ms CPU/purchase',
    bar: { kind: 'at-most', ratio: 0.25 },
    needs: [now, before],
    async run(context) {
      const [ours, theirs] = [await context.take(now), await context.take(before)];
      return caseRun(sumOf(ours.cpuPerPurchase), sumOf(theirs.cpuPerPurchase));
    },
  },
];
