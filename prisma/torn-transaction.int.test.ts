import { randomUUID } from 'node:crypto';
import { PATIENCE_MS } from '#kit/until.fixture';
import { openTestDatabase, type TestDatabase } from './database.fixture';
import { openDatabase } from './database';
import { closeDatabase, inTransaction, isDatabaseUnavailable } from './transaction';

// A transaction is whole or not at all, also when its time runs out in the middle of a statement. Prisma's own time limit
// does not hold that: it rolls back behind the running statement, and what the work sends next is committed by itself.

const TIMEOUT_MS = 120;
let database: TestDatabase;
beforeAll(async () => {
  database = await openTestDatabase('wallet');
  await database.administer('CREATE TABLE torn (run CHAR(36), part INT, PRIMARY KEY (run, part))');
  await database.administer(
    `GRANT SELECT, INSERT ON ${new URL(database.url('wallet')).pathname.slice(1)}.torn TO 'wallet_service'@'%'`,
  );
});
afterAll(() => database.close());

async function partsOf(run: string): Promise<number[]> {
  const rows = await database.administer<{ part: number }[]>(
    'SELECT part FROM torn WHERE run = ? ORDER BY part',
    [run],
  );
  return rows.map(({ part }) => part);
}

/** Stops this process's JavaScript as SIGSTOP would: timers are late, answers wait in the socket. */
function standStill(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

test.each([
  ['a statement outlasts it', 0],
  ['the process stands still meanwhile', TIMEOUT_MS],
])('When the time runs out because %s, then nothing of the transaction is left', async (_what, stillMs) => {
  const outcomes = new Set<string>();
  for (let round = 0; round < 15; round += 1) {
    const run = randomUUID();
    // Shorter and longer than the limit, so that some rounds commit.
    const seconds = (TIMEOUT_MS + round * 4 - 30) / 1000;
    const outcome = await inTransaction(
      database.db,
      async (tx) => {
        await tx.execute`INSERT INTO torn VALUES (${run}, 1)`;
        const slow = tx.query`SELECT SLEEP(${seconds})`.then(() => {});
        await Promise.resolve();
        if (stillMs > 0) setImmediate(() => standStill(stillMs + round * 3));
        await slow;
        for (let part = 2; part <= 6; part += 1) {
          if (stillMs > 0) standStill(5);
          await tx.execute`INSERT INTO torn VALUES (${run}, ${part})`;
        }
      },
      { timeoutMs: TIMEOUT_MS, attemptsMax: 1 },
    ).then(
      () => 'committed',
      () => 'rolled back',
    );
    outcomes.add(outcome);
    // Whatever was sent too late arrives before it is looked for.
    await new Promise((resolve) => setTimeout(resolve, 30));
    const parts = await partsOf(run);
    expect([round, parts]).toEqual([round, outcome === 'committed' ? [1, 2, 3, 4, 5, 6] : []]);
  }
  expect(outcomes).toContain('rolled back');
});

/** Six parts, with time between them for somebody to close the database. */
function writeParts(db: TestDatabase['db'], run: string, pauseMs: number): Promise<string> {
  return inTransaction(
    db,
    async (tx) => {
      for (let part = 1; part <= 6; part += 1) {
        await tx.execute`INSERT INTO torn VALUES (${run}, ${part})`;
        if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    },
    { attemptsMax: 1 },
  ).then(
    () => 'committed',
    () => 'rolled back',
  );
}

test('When the database is closed while transactions run, then each is whole, and new ones are refused', async () => {
  for (let round = 0; round < 12; round += 1) {
    const db = openDatabase(database.url('wallet'), 4);
    await db.query`SELECT 1`;
    const runs = [randomUUID(), randomUUID(), randomUUID()];
    const written = runs.map((run) => writeParts(db, run, 0));
    await new Promise((resolve) => setTimeout(resolve, round * 2));
    const closed = closeDatabase(db, PATIENCE_MS);
    const refused = await inTransaction(db, async () => {}).catch((error: unknown) => error);
    expect(isDatabaseUnavailable(refused)).toBe(true);
    await closed;
    expect(await Promise.all(written)).toEqual(['committed', 'committed', 'committed']);
    for (const run of runs) expect([round, await partsOf(run)]).toEqual([round, [1, 2, 3, 4, 5, 6]]);
  }
});

test('When a transaction outlasts the grace, then its connection is left to it: nothing is cut out of its middle', async () => {
  const db = openDatabase(database.url('wallet'), 2);
  const run = randomUUID();
  const written = writeParts(db, run, 100);
  await new Promise((resolve) => setTimeout(resolve, 150));
  await expect(closeDatabase(db, 50)).rejects.toThrow('1 transactions still run');
  expect(await written).toBe('committed');
  expect(await partsOf(run)).toEqual([1, 2, 3, 4, 5, 6]);
  await closeDatabase(db);
});
