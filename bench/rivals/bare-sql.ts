import { createPool, type Pool } from 'mariadb';
import { transactionPoolOptions } from '#prisma/connection';
import { pick } from '../catalog';
import { urlOf, type BarePlan, type BareResult } from './bare-sql.plan';
import { PURCHASE } from './purchase.sql';
import { answerPlans } from './rate.plan';
import { runStep } from './run-step';
import { newPurchase } from './statement';

// The rival of the case `purchases`, in a process of its own: the SQL of a purchase through the bare driver, without
// HTTP and Kafka. Each message is a plan, each answer its result.

async function buy(pool: Pool, { productNos, linesPerOrder }: BarePlan): Promise<void> {
  const purchase = newPurchase(pick(productNos, linesPerOrder));
  for (const step of PURCHASE) await runStep(pool, step, purchase);
}

async function run(plan: BarePlan): Promise<BareResult> {
  const { database, clients, connections } = plan;
  // The product's own sessions: READ COMMITTED, no autocommit, several statements in a packet.
  const pool = createPool(
    transactionPoolOptions(urlOf(plan, database), connections, { acquireTimeoutMs: 60_000 }),
  );
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
