import { createPool, type Pool, type PoolConnection } from 'mariadb';
import type { BarePlan, BareResult } from './bare-sql.plan';
import { PURCHASE } from './purchase.sql';
import { newPurchase, type BarePurchase, type Step } from './statement';

// The rival of the case `purchases`, in a process of its own: the SQL of a purchase through the bare driver, without
// HTTP, Kafka or ORM. Each message is a plan, each answer its result.

const DEADLOCK = 1213;
const LOCK_WAIT_TIMEOUT = 1205;
const ATTEMPTS_MAX = 10;

async function runStatements(connection: PoolConnection, { statements }: Step, purchase: BarePurchase) {
  for (const { sql, values, take } of statements) {
    const text = typeof sql === 'string' ? sql : sql(purchase);
    const result: unknown = await connection.execute(text, values(purchase));
    take?.(result as never, purchase);
  }
}

/** Runs a step in one transaction; a deadlock repeats it. */
async function runStep(connection: PoolConnection, step: Step, purchase: BarePurchase): Promise<void> {
  if (step.isPlain === true) return runStatements(connection, step, purchase);
  for (let attempt = 1; ; attempt += 1) {
    try {
      await connection.beginTransaction();
      await runStatements(connection, step, purchase);
      await connection.commit();
      return;
    } catch (error) {
      await connection.rollback();
      const { errno } = error as { errno?: number };
      if ((errno !== DEADLOCK && errno !== LOCK_WAIT_TIMEOUT) || attempt === ATTEMPTS_MAX) throw error;
    }
  }
}

async function buy(pool: Pool, productNos: readonly number[]): Promise<void> {
  const purchase = newPurchase(productNos);
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
  const { host, port, user, password, database, clients, productNos } = plan;
  const pool = createPool({
    host,
    port,
    user,
    password,
    database,
    connectionLimit: clients,
    acquireTimeout: 60_000,
    timezone: 'Z',
    charset: 'utf8mb4',
    allowPublicKeyRetrieval: true,
    initSql: 'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
  });
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
        await buy(pool, productNos);
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

process.on('message', (plan: BarePlan) => {
  run(plan).then(
    (result) => process.send?.({ result }),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
