import { databaseClock } from './clock';
import { openTestDatabase, type TestDatabase } from './database.fixture';
import { inTransaction } from './transaction';

let test: TestDatabase;
beforeAll(async () => {
  test = await openTestDatabase('wallet');
});
afterAll(() => test.close());

it('When the process’s clock is wrong, then the database’s tells the time all the same, to the millisecond', async () => {
  const told = await inTransaction(test.db, async (tx) => {
    // Another clock than ours, in this session alone.
    await tx.execute`SET timestamp = 1772357400.123`;
    const now = await databaseClock(tx);
    await tx.execute`SET timestamp = DEFAULT`;
    return now;
  });
  expect(told).toEqual(new Date('2026-03-01T09:30:00.123Z'));
});

it('When nothing is set, then it goes on', async () => {
  const before = await databaseClock(test.db);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect((await databaseClock(test.db)).getTime()).toBeGreaterThan(before.getTime());
});
