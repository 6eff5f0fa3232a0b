/** MySQL: deadlock found, lock wait timeout exceeded. The whole transaction was, or is, rolled back. */
const RETRIABLE = new Set([1213, 1205]);
const DUPLICATE_KEY = 1062;

/** The database is being closed: no transaction begins any more. */
export class DatabaseClosingError extends Error {
  override readonly name = 'DatabaseClosingError';
}

/** More transactions wait for a connection than this one may wait behind; nothing was sent. */
export class OverloadedError extends Error {
  override readonly name = 'OverloadedError';
}

/** No connection was free in time; nothing was sent. */
export class NoConnectionError extends Error {
  override readonly name = 'NoConnectionError';
}

/** The transaction was rolled back because it took longer than its limit. */
export class TransactionTooSlowError extends Error {
  override readonly name = 'TransactionTooSlowError';
}

/**
 * COMMIT was sent and its response was lost, so the transaction may or may not be in the database, or may still be on its way
 * there. Before the caller says that nothing happened it ends the session (`endSession`) and reads the rows under their lock.
 */
export class LostCommitError extends Error {
  override readonly name = 'LostCommitError';
  /** MySQL's number of the session. */
  readonly sessionId: number | null;

  constructor(cause: unknown, sessionId: number | null) {
    super(`no response to COMMIT: ${String(cause)}`, { cause });
    this.sessionId = sessionId;
  }
}

/** MySQL's error number behind an error of the driver or of Prisma; `undefined` when there is none. */
export function mysqlErrorNumber(error: unknown): number | undefined {
  for (
    let current = error, depth = 0;
    typeof current === 'object' && current !== null && depth < 6;
    depth += 1
  ) {
    const { errno, originalCode, code, meta, cause } = current as Record<string, unknown>;
    if (typeof errno === 'number' && errno > 1000) return errno;
    for (const candidate of [originalCode, code]) {
      if (typeof candidate === 'number' && candidate > 1000) return candidate;
      if (typeof candidate === 'string' && /^\d{4}$/.test(candidate)) return Number(candidate);
    }
    if (code === 'P2034') return 1213;
    if (code === 'P2002') return DUPLICATE_KEY;
    if ((current as { kind?: string }).kind === 'TransactionWriteConflict') return 1213;
    const adapterError = (meta as { driverAdapterError?: unknown; code?: unknown } | undefined) ?? undefined;
    if (typeof adapterError?.code === 'string' && /^\d{4}$/.test(adapterError.code))
      return Number(adapterError.code);
    current = adapterError?.driverAdapterError ?? cause;
  }
  return undefined;
}

/** Subquery returns more than 1 row: the statement of `Tx.require`. */
export const CONDITION_FAILED = 1242;
/** Of SQLSTATE: the statement's rows, values, constraints or text are wrong. */
const STATEMENT_ERRORS = new Set(['21', '22', '23', '42']);

/** Has MySQL itself said that a statement failed, rather than the connection or COMMIT? */
export function isStatementError(error: unknown): boolean {
  const { sqlState } = (error ?? {}) as { sqlState?: unknown };
  return isRetriable(error) || (typeof sqlState === 'string' && STATEMENT_ERRORS.has(sqlState.slice(0, 2)));
}

/** Does the same transaction have a chance when it runs again? */
export const isRetriable = (error: unknown): boolean => RETRIABLE.has(mysqlErrorNumber(error) ?? 0);

/**
 * MySQL: disk or tablespace full, too many connections, shutting down, read-only; the client library's 2xxx: connection
 * refused or lost.
 */
const UNAVAILABLE = new Set([
  1021, 1026, 1030, 1040, 1053, 1077, 1114, 1205, 1213, 1290, 1836, 2002, 2003, 2006, 2013,
]);
/** Prisma: no connection, connection closed, no connection free, no transaction started or one that was too slow. */
const UNAVAILABLE_PRISMA = new Set(['P1001', 'P1002', 'P1008', 'P1017', 'P2024', 'P2028', 'P2034']);

const OUR_OWN = [
  DatabaseClosingError,
  LostCommitError,
  NoConnectionError,
  OverloadedError,
  TransactionTooSlowError,
];

/** Is the database out of order or overloaded, rather than the statement wrong? */
export function isDatabaseUnavailable(error: unknown): boolean {
  const number = mysqlErrorNumber(error) ?? 0;
  // The driver numbers its own errors (connection refused, lost, none free) from 45000.
  if (UNAVAILABLE.has(number) || (number >= 45_000 && number < 46_000)) return true;
  if (OUR_OWN.some((kind) => error instanceof kind)) return true;
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' && UNAVAILABLE_PRISMA.has(code);
}

/** Was the transaction rolled back because it took longer than its limit? */
export const isTooSlow = (error: unknown): boolean => error instanceof TransactionTooSlowError;

/** Did a unique key refuse the row? */
export function isDuplicateKey(error: unknown): boolean {
  return mysqlErrorNumber(error) === DUPLICATE_KEY;
}

/** MySQL's own words, which name the key or column, wherever the driver or Prisma has put them. */
export function mysqlMessage(error: unknown): string | undefined {
  let current = error;
  for (let depth = 0; typeof current === 'object' && current !== null && depth < 6; depth += 1) {
    for (const name of ['sqlMessage', 'originalMessage']) {
      const words: unknown = Reflect.get(current, name);
      if (typeof words === 'string') return words;
    }
    current = Reflect.get(current, 'cause');
  }
  return undefined;
}
