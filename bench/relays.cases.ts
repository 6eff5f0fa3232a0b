import { createConnection } from 'mariadb';
import { sleep } from '#kit/clock';
import { CommandError } from '#ops/command';
import { DATABASE_NAME } from '#prisma/users';
import { caseRun, type BenchCase, type CaseRun } from './case';
import { LINES_PER_ORDER, PRODUCT_NOS } from './catalog';
import type { BenchContext } from './context';
import { RIVAL_WARM_UP_S, creditLatencies, credits, halfRate } from './latency.cases';
import type { Measurement } from './measurement';
import { now } from './purchases.cases';
import type { RelayKind, RelayPlan, RelayResult } from './rivals/relay.plan';
import { quantile } from './statistics';
import type { SystemUnderTest } from './system-under-test';
import { purchasesOf } from './window';

// Change data capture against the other ways out of a database: a relay that polls, and a producer after the commit.

const KILLS = 5;
/** A kill can hit a moment at which nothing is committed and not yet sent; so many kills in a row do not. */
const KILLS_MAX = 30;
/** When a load is killed, at random between both; it is meant to go on until the end. */
const KILL_AFTER_MS = { least: 2_000, most: 3_000 };
const KILLED_LOAD_S = 4;
/** More than a database takes: the producer always has purchases open, as 64 clients in a closed loop have. */
const FULL_LOAD_PER_SECOND = 1_000;
/** What was not credited so long after a load is lost: its topic has nothing of it. */
const LOST_AFTER_MS = 30_000;
const API_START_MS = 90_000;
const POLL_MS = 500;

const relayPlan = async (
  context: BenchContext,
  { mysql, kafkaBroker }: SystemUnderTest,
  kind: RelayKind,
): Promise<Omit<RelayPlan, 'seconds'>> => {
  const catalog = { productNos: PRODUCT_NOS, linesPerOrder: LINES_PER_ORDER };
  const perSecond = await halfRate(context);
  return { ...mysql, ...catalog, database: DATABASE_NAME, kafkaBroker, perSecond, kind };
};

/** Latencies from the commit's answer until the credits are seen committed, ms. */
const relayed = (name: string, kind: RelayKind): Measurement<number[]> => ({
  name,
  async take(context) {
    const system = await context.system('now');
    const plan = await relayPlan(context, system, kind);
    const { say, seconds } = context.options;
    say(`${name}: ${seconds} s at ${plan.perSecond.toFixed(1)} purchases/s …`);
    return context.withChild<RelayPlan, RelayResult, number[]>('rivals/relay', async (rival) => {
      await rival.run({ ...plan, seconds: RIVAL_WARM_UP_S });
      return creditLatencies(context, system, async () => {
        const { orderId, committedAtMs } = await rival.run({ ...plan, seconds });
        return orderId.map((id, index) => ({ orderId: id, atMs: committedAtMs[index] ?? 0 }));
      });
    });
  },
});

const polling = relayed('polling', 'polling');
const producer = relayed('producer', 'after-commit');

/** How many payments that `load` makes are committed as paid and never credited. */
async function lostBy({ mysql }: SystemUnderTest, load: () => Promise<void>): Promise<number> {
  const account = { ...mysql, database: DATABASE_NAME, allowPublicKeyRetrieval: true };
  const connection = await createConnection(account);
  const numberOf = async (sql: string, values: unknown[] = []): Promise<number> =>
    Number((await connection.query<{ number: bigint | null }[]>(sql, values))[0]?.number ?? 0);
  try {
    const last = await numberOf('SELECT MAX(no) AS number FROM payment_events');
    await load();
    for (const deadlineMs = Date.now() + LOST_AFTER_MS; ; await sleep(POLL_MS)) {
      const uncredited = await numberOf(
        `SELECT COUNT(*) AS number FROM payment_events p WHERE p.no > ? AND p.status = 'SUCCESS'
         AND NOT EXISTS (SELECT 1 FROM settlements s WHERE s.order_id = p.order_id)`,
        [last],
      );
      if (uncredited === 0 || Date.now() > deadlineMs) return uncredited;
    }
  } finally {
    await connection.end();
  }
}

const untilKill = (signal: AbortSignal): Promise<void> =>
  sleep(KILL_AFTER_MS.least + Math.random() * (KILL_AFTER_MS.most - KILL_AFTER_MS.least), signal);

/** Kills a producer in the middle of a full load. */
async function killProducer(context: BenchContext, system: SystemUnderTest): Promise<void> {
  const plan = await relayPlan(context, system, 'after-commit');
  await context.withChild<RelayPlan, RelayResult, void>('rivals/relay', async (rival) => {
    // It has its first purchases behind it when the time begins.
    await rival.run({ ...plan, seconds: 1 });
    const loading = rival.run({ ...plan, perSecond: FULL_LOAD_PER_SECOND, seconds: KILLED_LOAD_S });
    await untilKill(context.options.signal);
    rival.stop();
    await loading.catch(() => {});
  });
}

const isReady = (apiUrl: string): Promise<boolean> =>
  fetch(`${apiUrl}/health/ready`).then(
    (response) => response.ok,
    () => false,
  );

/** Kills the payment API in the middle of a full load, and waits until the launcher has started it again. */
async function killApi(context: BenchContext, system: SystemUnderTest): Promise<void> {
  const { clients, signal } = context.options;
  const loading = context.load({
    ...purchasesOf(system),
    shape: { loop: 'closed', clients },
    seconds: KILLED_LOAD_S,
  });
  await untilKill(signal);
  const api = system.processes().find(({ role }) => role === 'api');
  if (api === undefined) throw new CommandError('the payment API does not run');
  process.kill(api.pid, 'SIGKILL');
  await loading;
  for (
    const deadlineMs = Date.now() + API_START_MS;
    !(await isReady(system.apiUrl));
    await sleep(POLL_MS, signal)
  )
    if (Date.now() > deadlineMs) throw new CommandError('the payment API was not started again');
}

/** Kills both as often, until the producer has lost a payment. @throws CommandError when it loses none */
async function losses(context: BenchContext): Promise<CaseRun> {
  const system = await context.system('now');
  const { say } = context.options;
  let [kills, ours, theirs] = [0, 0, 0];
  while (theirs === 0 && kills < KILLS_MAX) {
    kills += KILLS;
    say(`producer-loses: killing the producer ${KILLS} times, then the payment API …`);
    theirs += await lostBy(system, async () => {
      for (let kill = 0; kill < KILLS; kill += 1) await killProducer(context, system);
    });
    ours += await lostBy(system, async () => {
      for (let kill = 0; kill < KILLS; kill += 1) await killApi(context, system);
    });
  }
  if (theirs === 0) throw new CommandError(`the producer lost nothing in ${kills} kills`);
  say(`producer-loses: of ${kills} kills each, the producer lost ${theirs} payments, the product ${ours}`);
  return caseRun(ours, theirs);
}

function relayCase(
  name: string,
  rival: Measurement<number[]>,
  { title, what, ratio }: { title: string; what: string; ratio: number },
): BenchCase {
  return {
    name,
    title,
    measured: 'from confirm’s answer until the credits are seen committed',
    rival: `${what}, from the commit’s answer, at the same rate on the same tables`,
    unit: 'ms, p50',
    bar: { kind: 'at-most', ratio },
    needs: [now, credits, rival],
    async run(context) {
      const creditedMs = await context.take(credits);
      return caseRun(quantile(creditedMs, 0.5), quantile(await context.take(rival), 0.5));
    },
  };
}

export const RELAY_CASES: readonly BenchCase[] = [
  relayCase('credited-polling', polling, {
    title: 'Settlement latency against a relay that polls each second, p50',
    what: 'an outbox that a relay polls each second',
    ratio: 0.1,
  }),
  relayCase('credited-producer', producer, {
    title: 'Settlement latency against a producer after the commit, p50',
    what: 'a producer that sends after the commit',
    ratio: 2,
  }),
  {
    name: 'producer-loses',
    title: 'Lost payments against a producer after the commit',
    measured:
      'payments committed as paid and never credited, the payment API killed in the middle of its load',
    rival: 'the same of a producer that sends after the commit',
    unit: 'payments',
    bar: { kind: 'at-most', ratio: 0 },
    needs: [now],
    // No measurement: these come in either order, and what was killed is cold for those behind it.
    run: losses,
  },
];
