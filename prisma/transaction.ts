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
  /** A transaction open for longer is rolled back. */
  timeoutMs?: number;
  /** Told of each repetition: deadlocks are normal, many are a symptom. */
  onRetry?: (error: unknown, attempt: number) => void;
}

const BACKOFF_BASE_MS = 15;
const ACQUIRE_TIMEOUT_MS = 5_000;

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
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' && UNAVAILABLE_PRISMA.has(code);
}

/** Was the transaction rolled back because it took longer than its limit? */
export function isTooSlow(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown };
  return code === 'P2028' && /expired transaction|timeout for this transaction/i.test(String(error));
}

/** Did a unique key refuse the row? */
export function isDuplicateKey(error: unknown): boolean {
  return mysqlErrorNumber(error) === DUPLICATE_KEY;
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
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await db.$transaction(work, {
        isolationLevel: Prisma.TransactionIsolationLevel[isolation],
        maxWait: ACQUIRE_TIMEOUT_MS,
        timeout: timeoutMs,
      });
    } catch (error) {
      if (attempt >= attemptsMax || !RETRIABLE.has(mysqlErrorNumber(error) ?? 0)) throw error;
      onRetry?.(error, attempt);
      await delay(BACKOFF_BASE_MS * 2 ** attempt * (0.5 + Math.random()));
    }
  }
}
