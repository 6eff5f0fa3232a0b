import type { Reader } from './database';

/** Tells the time within a transaction. Passed in as an argument, so that tests decide what time it is. */
export type DatabaseClock = (tx: Reader) => Promise<Date>;

/**
 * The database's time, to the millisecond: the one clock that all processes share. What stays in the books for ever, or is
 * judged by its age, is dated by it, for a process's own may be wrong by a day.
 */
export const databaseClock: DatabaseClock = async (tx) => {
  const [row] = await tx.query<{ now: Date }>`SELECT NOW(3) AS now`;
  if (row === undefined) throw new Error('the database told no time');
  return row.now;
};
