import { openDatabase, type Database } from './database';
import { openTestDatabase, type TestDatabase } from './database.fixture';
import { closeDatabase, inTransaction, isDatabaseUnavailable, OverloadedError } from './transaction';
import type { Turn } from './transaction-pool';

// Who waits for a connection, and who is turned away. One connection, so that the order is seen.

let database: TestDatabase;
let db: Database;
beforeAll(async () => {
  database = await openTestDatabase('wallet');
  db = openDatabase(database.url('wallet'), 1, { acquireTimeoutMs: 400 });
});
afterAll(async () => {
  await closeDatabase(db);
  await database.close();
});

/** Occupies the one connection until it is released. */
async function occupied(): Promise<{ release: () => Promise<void> }> {
  let end = (): void => {};
  const running = new Promise<void>((started) => {
    holding = inTransaction(db, async (tx) => {
      await tx.query`SELECT 1`;
      started();
      await new Promise<void>((resolve) => (end = resolve));
    });
  });
  await running;
  return {
    release: async () => {
      end();
      await holding;
    },
  };
}
let holding: Promise<void> = Promise.resolve();

test('When too many wait, then new work is turned away at once; what was begun still gets its turn, and first', async () => {
  const { release } = await occupied();
  const order: string[] = [];
  const work = (name: string, turn: Turn = {}) => inTransaction(db, async () => void order.push(name), turn);
  const admitted = [work('new 1', { waitingMax: 2 }), work('new 2', { waitingMax: 2 })];
  await expect(work('turned away', { waitingMax: 2 })).rejects.toThrow(OverloadedError);
  const begun = [work('begun 1'), work('begun 2')];
  await release();
  await Promise.all([...admitted, ...begun]);
  expect(order).toEqual(['begun 1', 'begun 2', 'new 1', 'new 2']);
});

test('When work of a higher rank waits, then other new work is served before it, and does not count it', async () => {
  const { release } = await occupied();
  const order: string[] = [];
  const work = (name: string, turn: Turn) => inTransaction(db, async () => void order.push(name), turn);
  const checkout = { waitingMax: 2, rank: 2 };
  const admitted = [work('checkout 1', checkout), work('checkout 2', checkout)];
  await expect(work('turned away', checkout)).rejects.toThrow(OverloadedError);
  admitted.push(work('confirm', { waitingMax: 1 }));
  await expect(work('turned away', { waitingMax: 1 })).rejects.toThrow(OverloadedError);
  admitted.push(work('begun', {}));
  await release();
  await Promise.all(admitted);
  expect(order).toEqual(['begun', 'confirm', 'checkout 1', 'checkout 2']);
});

test('When no connection is free in time, then the error is "unavailable", nothing ran, and the next one runs', async () => {
  const { release } = await occupied();
  let hasRun = false;
  const error = await inTransaction(db, async () => {
    hasRun = true;
  }).catch((reason: unknown) => reason);
  expect([isDatabaseUnavailable(error), hasRun]).toEqual([true, false]);
  await release();
  expect(await inTransaction(db, async () => 'runs')).toBe('runs');
});

test('While every connection for transactions is taken, reads still answer', async () => {
  const { release } = await occupied();
  expect(await db.query<{ one: bigint }>`SELECT 1 AS one`).toEqual([{ one: 1n }]);
  expect(await db.seller.count()).toBeGreaterThan(0);
  await release();
});
