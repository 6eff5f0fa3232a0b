import { createConnection } from 'mariadb';
import { sleep } from '#kit/clock';
import { answerPlans, type CreditsSeen, type ObserverPlan } from './rivals/rate.plan';

// Sees from outside when an order's credits are committed, in a process of its own.

/** A credit is seen this much too late, at most; both the poll and its cost fall on the product's side of a comparison. */
const POLL_MS = 3;

async function watch({ host, port, user, password, database, seconds }: ObserverPlan): Promise<CreditsSeen> {
  const connection = await createConnection({
    host,
    port,
    user,
    password,
    database,
    allowPublicKeyRetrieval: true,
    initSql: 'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
  });
  const seen = new Map<string, number>();
  try {
    const [last] = await connection.query<{ no: bigint | null }[]>(
      'SELECT MAX(no) AS no FROM wallet_transactions',
    );
    let after = last?.no ?? 0n;
    for (const endMs = Date.now() + seconds * 1_000; Date.now() < endMs; await sleep(POLL_MS)) {
      const rows = await connection.query<{ no: bigint; order_id: string }[]>(
        'SELECT no, order_id FROM wallet_transactions WHERE no > ? ORDER BY no',
        [after],
      );
      const now = Date.now();
      for (const { no, order_id } of rows) {
        after = no;
        if (!seen.has(order_id)) seen.set(order_id, now);
      }
    }
    return { orderId: [...seen.keys()], seenAtMs: [...seen.values()] };
  } finally {
    await connection.end();
  }
}

answerPlans(watch);
