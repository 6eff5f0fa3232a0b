import { PATIENCE_MS, until } from '#kit/until.fixture';
import { openDatabase, type Database } from './database';
import { openTestDatabase, type TestDatabase } from './database.fixture';
import { openDatabaseProxy } from './proxy.fixture';
import { inTransaction, isDatabaseUnavailable } from './transaction';

const ANSWER_TIMEOUT_MS = 2_500;
let database: TestDatabase;
beforeAll(async () => {
  database = await openTestDatabase('paymentApi');
});
afterAll(() => database.close());

const CONNECTIONS_MAX = 2;

/** How many products there are, by way of each of the two pools. */
async function products(db: Database): Promise<number[]> {
  const [byModel, [row]] = await Promise.all([
    db.product.count(),
    inTransaction(db, (tx) => tx.query<{ all_count: bigint }>`SELECT COUNT(*) AS all_count FROM products`, {
      attemptsMax: 1,
    }),
  ]);
  return [byModel, Number(row?.all_count)];
}

/**
 * Until the pools are full: it makes another connection then only when one is lost. The driver rejects to nobody when a
 * connection breaks that is just being made (`runService` knows of it, a test would fail by it).
 */
async function untilPoolIsFull(db: Database): Promise<void> {
  for (let calm = 0; calm < 4;) {
    await Promise.all(Array.from({ length: CONNECTIONS_MAX }, () => products(db)));
    const [row] = await database.administer<{ all_count: bigint; idle: bigint }[]>(
      `SELECT COUNT(*) AS all_count, COUNT(IF(command = 'Sleep', 1, NULL)) AS idle
       FROM information_schema.processlist WHERE user = 'payment_api' AND db = DATABASE()`,
    );
    const isFull =
      Number(row?.all_count) === 2 * CONNECTIONS_MAX && Number(row?.idle) === 2 * CONNECTIONS_MAX;
    calm = isFull ? calm + 1 : 0;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

test('When the database goes silent, then a call ends in time as "unavailable", and the pool recovers by itself', async () => {
  const url = new URL(database.url('paymentApi'));
  const proxy = await openDatabaseProxy(Number(url.port));
  url.port = String(proxy.port);
  const db = openDatabase(url.href, CONNECTIONS_MAX, { answerTimeoutMs: ANSWER_TIMEOUT_MS });
  try {
    expect(await products(db)).toEqual([6, 6]);
    for (const call of [
      () => db.product.count(),
      () => inTransaction(db, (tx) => tx.query`SELECT COUNT(*) FROM products`, { attemptsMax: 1 }),
    ]) {
      await untilPoolIsFull(db);
      // A connection that has just been used is taken without being tried first.
      await products(db);
      proxy.silence();
      const startedMs = performance.now();
      const error = await call().then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(isDatabaseUnavailable(error)).toBe(true);
      // The silence has no end: a call that waits for an answer waits for TCP to lose its patience, a quarter of an hour.
      expect(performance.now() - startedMs).toBeLessThan(PATIENCE_MS);
      // Whatever the pool still holds of the silent time is found out and replaced.
      await until('the pools have recovered', () =>
        products(db).then(
          (counts) => counts.every((count) => count === 6),
          () => false,
        ),
      );
    }
    // Nor is one being made when the proxy goes.
    await untilPoolIsFull(db);
  } finally {
    await db.$disconnect();
    proxy.close();
  }
});

test('When a connection only idles, then it may: the next call is served', async () => {
  const db = openDatabase(database.url('paymentApi'), 2, { answerTimeoutMs: ANSWER_TIMEOUT_MS });
  try {
    await db.product.count();
    await new Promise((resolve) => setTimeout(resolve, 3 * ANSWER_TIMEOUT_MS));
    expect(await products(db)).toEqual([6, 6]);
  } finally {
    await db.$disconnect();
  }
});
