import { DATABASE_NAME } from '#prisma/users';
import type { BacklogShape } from './backlog';
import { backlogSystemUp, type BacklogSystem } from './backlog-system';
import { caseRun, type BenchCase } from './case';
import type { BenchContext } from './context';
import type { Drain } from './drain';
import type { Measurement } from './measurement';
import { copySchema } from './rivals/bare-sql.plan';
import { BACKLOG_TABLES, type ReplayPlan, type ReplayResult } from './rivals/replay.plan';

// Throughput of both consumers over orders that have piled up.

/** The JVMs and the tables' caches are warm after so many. */
const WARM_UP_ORDERS = 50_000;
/** Their packets are held in memory. */
const REPLAYED_ORDERS = 20_000;
const FEW_SELLERS = 100;
const MANY_SELLERS = 10_000;

/** Both consumers' servers, warm. */
function system(context: BenchContext): Promise<BacklogSystem> {
  const { orders, signal, say } = context.options;
  return context.use('backlog', async (stackDir) => {
    const running = await backlogSystemUp(stackDir, signal);
    try {
      const shape = shapeOf(Math.min(orders, WARM_UP_ORDERS));
      say(`backlog: ${shape.orders} orders to warm up …`);
      await running.place(shape);
      await running.drain(shape, 'first', signal);
      return running;
    } catch (error) {
      await running.down();
      throw error;
    }
  });
}

const shapeOf = (orders: number, over: Partial<BacklogShape> = {}): BacklogShape => ({
  orders,
  sellers: FEW_SELLERS,
  hasHotSeller: false,
  ...over,
});

const perSecond = (rate: number): string => `${rate.toFixed(0)} orders/s`;

async function drained(
  context: BenchContext,
  name: string,
  shape: BacklogShape,
  delivery: 'first' | 'again' = 'first',
): Promise<Drain> {
  const { say, signal } = context.options;
  const drain = await (await system(context)).drain(shape, delivery, signal);
  const { settledPerSecond, acknowledgedPerSecond } = drain;
  say(`${name}: ${perSecond(settledPerSecond)} settled, ${perSecond(acknowledgedPerSecond)} acknowledged`);
  return drain;
}

async function placed(context: BenchContext, name: string, shape: BacklogShape): Promise<BacklogSystem> {
  const running = await system(context);
  context.options.say(`${name}: putting ${shape.orders} orders of ${shape.sellers} sellers in place …`);
  await running.place(shape);
  return running;
}

interface Twice {
  first: Drain;
  again: Drain;
}

const few: Measurement<Twice> = {
  name: 'backlog-100',
  async take(context) {
    const shape = shapeOf(context.options.orders);
    const running = await placed(context, 'backlog-100', shape);
    const first = await drained(context, 'backlog-100', shape);
    await running.rewind();
    return { first, again: await drained(context, 'rewound', shape, 'again') };
  },
};

const once = (name: string, over: Partial<BacklogShape>): Measurement<Drain> => ({
  name,
  async take(context) {
    const shape = shapeOf(context.options.orders, over);
    await placed(context, name, shape);
    return drained(context, name, shape);
  },
});

const many = once('backlog-10000', { sellers: MANY_SELLERS });
const hot = once('backlog-hot', { hasHotSeller: true });

/** The same SQL without what makes it. */
const replay = (name: string, sellers: number): Measurement<ReplayResult & { perSecond: number }> => ({
  name,
  async take(context) {
    const running = await system(context);
    const { mysql, schemaIds, batchSizeMax } = running;
    const shape = shapeOf(Math.min(context.options.orders, REPLAYED_ORDERS), { sellers });
    context.options.say(`${name}: recording and replaying ${shape.orders} orders …`);
    const messages = await running.placeRows(shape);
    const [source, copy] = [`${DATABASE_NAME}_source`, `${DATABASE_NAME}_replay`];
    await copySchema(mysql, DATABASE_NAME, source, BACKLOG_TABLES);
    const plan = { ...mysql, source, copy, schemaIds: [...schemaIds], messages, batchSizeMax };
    return context.withChild<ReplayPlan, ReplayResult, ReplayResult & { perSecond: number }>(
      'rivals/replay',
      async (rival) => {
        const result = await rival.run(plan);
        const rate = (result.orders / result.settledMs) * 1_000;
        context.options.say(`${name}: ${perSecond(rate)}`);
        return { ...result, perSecond: rate };
      },
    );
  },
});

const fewReplayed = replay('replay-100', FEW_SELLERS);
const manyReplayed = replay('replay-10000', MANY_SELLERS);

const settlementCase = (
  sellers: number,
  rateOf: (context: BenchContext) => Promise<number>,
  needs: readonly [Measurement<unknown>, Measurement<{ perSecond: number }>],
): BenchCase => ({
  name: `settlement-${sellers}`,
  title: `Settlement of a backlog, ${sellers} sellers`,
  measured: `settled orders of a backlog of ${sellers} sellers, the acknowledgement running`,
  rival: 'the same batches’ SQL out of memory through the bare driver, on the same MySQL',
  unit: 'orders/s',
  bar: { kind: 'at-least', ratio: 0.6 },
  needs,
  run: async (context) => caseRun(await rateOf(context), (await context.take(needs[1])).perSecond),
});

const rewoundCase = (
  name: 'settlement' | 'acknowledgement',
  rateOf: (drain: Drain) => number,
): BenchCase => ({
  name: `rewound-${name}`,
  title: `Second delivery of a backlog, ${name}`,
  measured: 'orders of a backlog that are delivered again from the beginning',
  rival: 'the same orders when they were delivered first',
  unit: 'orders/s',
  bar: { kind: 'at-least', ratio: 2 },
  needs: [few],
  async run(context) {
    const { first, again } = await context.take(few);
    return caseRun(rateOf(again), rateOf(first));
  },
});

export const BACKLOG_CASES: readonly BenchCase[] = [
  settlementCase(FEW_SELLERS, async (context) => (await context.take(few)).first.settledPerSecond, [
    few,
    fewReplayed,
  ]),
  settlementCase(MANY_SELLERS, async (context) => (await context.take(many)).settledPerSecond, [
    many,
    manyReplayed,
  ]),
  {
    name: 'acknowledgement',
    title: 'Acknowledgement of a backlog against its settlement',
    measured: 'acknowledged orders of a backlog of 100 sellers',
    rival: 'settled orders of the same backlog',
    unit: 'orders/s',
    bar: { kind: 'at-least', ratio: 0.8 },
    needs: [few],
    async run(context) {
      const { first } = await context.take(few);
      return caseRun(first.acknowledgedPerSecond, first.settledPerSecond);
    },
  },
  {
    name: 'hot-seller',
    title: 'Settlement when one seller has a line in every order',
    measured: 'settled orders of a backlog with the same seller in each',
    rival: 'settled orders of a backlog of 100 sellers at random',
    unit: 'orders/s',
    bar: { kind: 'at-least', ratio: 0.8 },
    needs: [hot, few],
    async run(context) {
      const [ours, theirs] = [await context.take(hot), (await context.take(few)).first];
      return caseRun(ours.settledPerSecond, theirs.settledPerSecond);
    },
  },
  rewoundCase('settlement', (drain) => drain.settledPerSecond),
  rewoundCase('acknowledgement', (drain) => drain.acknowledgedPerSecond),
];
