import { setTimeout as delay } from 'node:timers/promises';
import type { Database, Tx } from './database';
import { Prisma } from './generated/client';

/** MySQL: deadlock found, lock wait timeout exceeded. The whole transaction was, or is, rolled back. */
const RETRIABLE = new Set([1213, 1205]);
const DUPLICATE_KEY = 1062;

export interface TransactionOptions {
  isolation?: 'ReadCommitted' | 'RepeatableRead';
  /** How often the transaction runs at most, the first time included. */
  attemptsMax?: number;
  /** A transaction open for longer takes no further statement and is rolled back. */
  timeoutMs?: number;
  /** Told of each repetition: deadlocks are normal, many are a symptom. */
  onRetry?: (error: unknown, attempt: number) => void;
}

/** Longer than any process lives. See `withDeadline`. */
const PRISMA_TIMEOUT_MS = 2 ** 31 - 1;
const BACKOFF_BASE_MS = 15;
const ACQUIRE_TIMEOUT_MS = 5_000;
const CLOSE_GRACE_MS = 4_000;

interface Transactions {
  open: number;
  isClosing: boolean;
  /** Called when the last open one has ended. */
  onNone: () => void;
}
const transactionsOf = new WeakMap<Database, Transactions>();

function transactionsIn(db: Database): Transactions {
  const known = transactionsOf.get(db);
  if (known !== undefined) return known;
  const none: Transactions = { open: 0, isClosing: false, onNone: () => {} };
  transactionsOf.set(db, none);
  return none;
}

/** The database is being closed: nothing new is begun. */
class DatabaseClosingError extends Error {
  override readonly name = 'DatabaseClosingError';
}

/** MySQL's error number behind an error of Prisma or of the driver; `undefined` when there is none. */
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

/**
 * MySQL: disk or tablespace full, too many connections, shutting down, read-only; the client library's 2xxx: connection
 * refused or lost.
 */
const UNAVAILABLE = new Set([
  1021, 1026, 1030, 1040, 1053, 1077, 1114, 1205, 1213, 1290, 1836, 2002, 2003, 2006, 2013,
]);
/** Prisma: no connection, connection closed, no connection free, no transaction started or one that was too slow. */
const UNAVAILABLE_PRISMA = new Set(['P1001', 'P1002', 'P1008', 'P1017', 'P2024', 'P2028', 'P2034']);

/** Is it the database that is out of order or overloaded, and not the statement? */
export function isDatabaseUnavailable(error: unknown): boolean {
  const number = mysqlErrorNumber(error) ?? 0;
  // The driver numbers its own errors (connection refused, lost, none free) from 45000.
  if (UNAVAILABLE.has(number) || (number >= 45_000 && number < 46_000)) return true;
  if (isTooSlow(error) || error instanceof DatabaseClosingError) return true;
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' && UNAVAILABLE_PRISMA.has(code);
}

/** The transaction was rolled back because it took longer than its limit. */
class TransactionTooSlowError extends Error {
  override readonly name = 'TransactionTooSlowError';
}

/** Was the transaction rolled back because it took longer than its limit? */
export const isTooSlow = (error: unknown): boolean => error instanceof TransactionTooSlowError;

/**
 * A transaction that refuses further statements once its time is over; the work ends by that error, and then it is rolled
 * back. Prisma's own limit rolls back while the work still runs, and what the work sends afterwards is committed by itself:
 * half a transaction. So Prisma's limit is set out of reach. One statement may outlast the limit, by as much as MySQL waits
 * for a lock and the connection for an answer.
 */
function withDeadline(tx: Tx, timeoutMs: number): Tx {
  const deadlineMs = performance.now() + timeoutMs;
  const checked = <T extends object>(target: T, isModel: boolean): T =>
    new Proxy(target, {
      get(owner, name) {
        const value: unknown = Reflect.get(owner, name, owner);
        if (typeof value === 'function') {
          return (...args: unknown[]): unknown => {
            if (performance.now() > deadlineMs)
              throw new TransactionTooSlowError(`not done within ${timeoutMs} ms: rolled back`);
            return Reflect.apply(value, owner, args);
          };
        }
        return !isModel && typeof value === 'object' && value !== null ? checked(value, true) : value;
      },
    });
  return checked(tx, false);
}

/** Did a unique key refuse the row? */
export function isDuplicateKey(error: unknown): boolean {
  return mysqlErrorNumber(error) === DUPLICATE_KEY;
}

/**
 * Closes a pool once its transactions have ended; new ones are refused. Prisma's own `$disconnect` rolls back what is open
 * and lets the work go on: a statement that it was just sending is then committed by itself. Whoever still runs after the
 * grace keeps his connection: the end of the process breaks it, and MySQL rolls back.
 *
 * @throws Error when transactions outlast `graceMs`; nothing is closed then
 */
export async function closeDatabase(db: Database, graceMs = CLOSE_GRACE_MS): Promise<void> {
  const transactions = transactionsIn(db);
  transactions.isClosing = true;
  if (transactions.open > 0) {
    const none = new Promise<'none'>((resolve) => (transactions.onNone = () => resolve('none')));
    if ((await Promise.race([none, delay(graceMs, 'late', { ref: false })])) === 'late')
      throw new Error(`${transactions.open} transactions still run after ${graceMs} ms`);
  }
  await db.$disconnect();
}

/**
 * Runs `work` in one transaction. A deadlock or a lock wait time-out repeats the whole of it, with growing, jittered
 * pauses, at most `attemptsMax` times: `work` must not do anything that cannot be done again.
 */
export async function inTransaction<T>(
  db: Database,
  work: (tx: Tx) => Promise<T>,
  { isolation = 'ReadCommitted', attemptsMax = 6, timeoutMs = 15_000, onRetry }: TransactionOptions = {},
): Promise<T> {
  const transactions = transactionsIn(db);
  if (transactions.isClosing) throw new DatabaseClosingError('the database is being closed');
  transactions.open += 1;
  try {
    return await repeated(db, work, { isolation, attemptsMax, timeoutMs, onRetry });
  } finally {
    transactions.open -= 1;
    if (transactions.open === 0) transactions.onNone();
  }
}

type Repetition = Required<Omit<TransactionOptions, 'onRetry'>> & {
  onRetry: TransactionOptions['onRetry'] | undefined;
};

async function repeated<T>(
  db: Database,
  work: (tx: Tx) => Promise<T>,
  { isolation, attemptsMax, timeoutMs, onRetry }: Repetition,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await db.$transaction((tx) => work(withDeadline(tx, timeoutMs)), {
        isolationLevel: Prisma.TransactionIsolationLevel[isolation],
        maxWait: ACQUIRE_TIMEOUT_MS,
        timeout: PRISMA_TIMEOUT_MS,
      });
    } catch (error) {
      if (attempt >= attemptsMax || !RETRIABLE.has(mysqlErrorNumber(error) ?? 0)) throw error;
      onRetry?.(error, attempt);
      await delay(BACKOFF_BASE_MS * 2 ** attempt * (0.5 + Math.random()));
    }
  }
}
