import { mysqlErrorNumber } from '#prisma/transaction';
import { UnbookableError } from './ledger.rules';

/**
 * MySQL errors that speak of the row itself: a duplicate key, a NULL, a value out of range or too long or of
 * the wrong form, a missing parent, a broken CHECK. Everything else (no connection, read-only, disk full,
 * locks, privileges) says nothing about the event and may be over in a moment.
 */
const OF_THE_ROW = new Set([
  1048, 1062, 1264, 1265, 1292, 1364, 1366, 1406, 1452, 1690, 3140, 3141, 3156, 3665, 3666, 3819, 3904,
]);

/** MySQL's own words, which name the key or column, wherever Prisma has put them. */
function mysqlMessage(error: unknown): string | undefined {
  let current = error;
  for (let depth = 0; typeof current === 'object' && current !== null && depth < 6; depth += 1) {
    for (const name of ['originalMessage', 'sqlMessage']) {
      const words: unknown = Reflect.get(current, name);
      if (typeof words === 'string') return words;
    }
    const meta: unknown = Reflect.get(current, 'meta');
    const inner: unknown =
      typeof meta === 'object' && meta !== null ? Reflect.get(meta, 'driverAdapterError') : undefined;
    current = inner ?? Reflect.get(current, 'cause');
  }
  return undefined;
}

/** Why the same events would fail again however often they came; `undefined` when waiting may help. */
export function incurableReason(error: unknown): string | undefined {
  if (error instanceof UnbookableError) return error.message;
  const errorNumber = mysqlErrorNumber(error);
  if (errorNumber === undefined || !OF_THE_ROW.has(errorNumber)) return undefined;
  return `MySQL error ${errorNumber}: ${mysqlMessage(error) ?? 'no message'}`;
}
