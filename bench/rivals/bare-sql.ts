import { createPool, type Pool, type PoolConnection } from 'mariadb';
import { transactionPoolOptions } from '#prisma/connection';
import { pick } from '../catalog';
import type { BarePlan, BareResult } from './bare-sql.plan';
import { PURCHASE } from './purchase.sql';
import { answerPlans } from './rate.plan';
import { newPurchase, type BarePurchase, type Statement, type Step } from './statement';

// The rival of the case `purchases`, in a process of its own: the SQL of a purchase through the bare driver, without
// HTTP and Kafka. Each message is a plan, each answer its result.

const DEADLOCK = 1213;
const LOCK_WAIT_TIMEOUT = 1205;
const ATTEMPTS_MAX = 10;

/** One packet: MySQL runs its statements in order. */
async function send(connection: PoolConnection, packet: readonly Statement[], purchase: BarePurchase) {
  const text = packet.map(({ sql }) => (typeof sql === 'string' ? sql : sql(purchase))).join(';\n');
  const values = packet.flatMap((statement) => statement.values(purchase));
  const result: unknown = await connection.query(text, values);
  const results = packet.length === 1 ? [result] : (result as unknown[]);
  packet.forEach(({ take }, index) => take?.(results[index] as never, purchase));
}

/** Runs a step in one transaction; a deadlock repeats it. */
async function runStep(connection: PoolConnection, { packets }: Step, purchase: BarePurchase): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      for (const packet of packets) await send(connection, packet, purchase);
      await connection.query('COMMIT');
      return;
    } catch (error) {
      await connection.query('ROLLBACK');
      const { errno } = error as { errno?: number };
      if ((errno !== DEADLOCK && errno !== LOCK_WAIT_TIMEOUT) || attempt === ATTEMPTS_MAX) throw error;
    }
  }
}

async function buy(pool: Pool, { productNos, linesPerOrder }: BarePlan): Promise<void> {
  const purchase = newPurchase(pick(productNos, linesPerOrder));
  for (const step of PURCHASE) {
    // Taken for each transaction, as the product does, whose processes have connections of their own.
    const connection = await pool.getConnection();
    try {
      await runStep(connection, step, purchase);
    } finally {
      await connection.release();
    }
  }
}

async function run(plan: BarePlan): Promise<BareResult> {
  const { host, port, user, password, database, clients, connections } = plan;
  // The product's own sessions: READ COMMITTED, no autocommit, several statements in a packet.
  const url = `mysql://${user}:${encodeURIComponent(password)}@${host}:${port}/${database}`;
  const pool = createPool(transactionPoolOptions(url, connections, { acquireTimeoutMs: 60_000 }));
  try {
    const windowMs = performance.now();
    const endMs = windowMs + (plan.seconds ?? Number.POSITIVE_INFINITY) * 1_000;
    const purchasesMax = plan.purchases ?? Number.POSITIVE_INFINITY;
    const result: BareResult = { startMs: [], endMs: [], elapsedMs: 0 };
    let begun = 0;
    const rounded = (ms: number): number => Math.round((ms - windowMs) * 100) / 100;
    const client = async (): Promise<void> => {
      for (let now = performance.now(); now < endMs && begun < purchasesMax; now = performance.now()) {
        begun += 1;
        await buy(pool, plan);
        result.startMs.push(rounded(now));
        result.endMs.push(rounded(performance.now()));
      }
    };
    await Promise.all(Array.from({ length: clients }, client));
    result.elapsedMs = performance.now() - windowMs;
    return result;
  } finally {
    await pool.end();
  }
}

answerPlans(run);
