import { mysqlErrorNumber, mysqlMessage } from '#prisma/mysql-errors';
import { UnprocessableError, type Problem } from './message-service';

/**
 * MySQL errors that speak of the row itself: a NULL, a value out of range, too long or malformed, a missing parent, a broken
 * CHECK. Everything else (no connection, read-only, disk full, locks, privileges) says nothing about the event and may be
 * over in a moment.
 */
const OF_THE_ROW = new Set([
  1048, 1264, 1265, 1292, 1364, 1366, 1406, 1452, 1690, 3140, 3141, 3156, 3665, 3666, 3819, 3904,
]);
const DUPLICATE_KEY = 1062;

/** Why the same event would fail again however often it arrived; `undefined` when a repetition may help. */
export function unprocessableProblem(error: unknown): Problem | undefined {
  if (error instanceof UnprocessableError) return { cause: 'refused', reason: error.message };
  const errorNumber = mysqlErrorNumber(error) ?? 0;
  if (errorNumber !== DUPLICATE_KEY && !OF_THE_ROW.has(errorNumber)) return undefined;
  return {
    cause: errorNumber === DUPLICATE_KEY ? 'already_posted' : 'refused',
    reason: `MySQL error ${errorNumber}: ${mysqlMessage(error) ?? 'no message'}`,
  };
}
