import { setTimeout as delay } from 'node:timers/promises';
import type { PoolConnection, UpsertResult } from 'mariadb';
import { Prisma, sqlOf, type Database, type Tx } from './database';
import type { Turn } from './transaction-pool';
import {
  CONDITION_FAILED,
  isRetriable,
  isStatementError,
  LostCommitError,
  mysqlErrorNumber,
  TransactionTooSlowError,
} from './mysql-errors';

export {
  isDatabaseUnavailable,
  isDuplicateKey,
  isTooSlow,
  LostCommitError,
  mysqlErrorNumber,
  OverloadedError,
} from './mysql-errors';

export interface TransactionOptions extends Turn {
  /** How often the transaction runs at most, the first run included. */
  attemptsMax?: number;
  /** A transaction that is open for longer sends no further statement and is rolled back. */
  timeoutMs?: number;
  /** Called before each repetition: deadlocks are normal, many are a symptom. */
  onRetry?: (error: unknown, attempt: number) => void;
}

const BACKOFF_BASE_MS = 15;
const CLOSE_GRACE_MS = 4_000;
const COMMIT = Prisma.sql`COMMIT`;
/** MySQL: unknown thread id. */
const NO_SUCH_SESSION = 1094;

interface Waiting {
  statement: Prisma.Sql;
  /** Of a condition: the error when it does not hold. */
  otherwise?: () => Error;
  resolve: (result: unknown) => void;
  reject: (error: unknown) => void;
}

/**
 * A transaction on one connection whose session has autocommit off. Statements that are issued together (`Promise.all`)
 * travel in one packet; MySQL runs them in order and stops at the first error, which rejects all of the packet's promises.
 *
 * Past its deadline the transaction sends nothing more: `inTransaction` then rolls it back. A running statement may outlast
 * the deadline, by as much as MySQL waits for a lock and the connection for a response.
 */
class MysqlTransaction implements Tx {
  readonly isTransaction = true;
  readonly #connection: PoolConnection;
  readonly #timeoutMs: number;
  readonly #deadlineMs: number;
  #waiting: Waiting[] = [];
  #isOver = false;
  #isCommitted = false;

  constructor(connection: PoolConnection, timeoutMs: number) {
    this.#connection = connection;
    this.#timeoutMs = timeoutMs;
    this.#deadlineMs = performance.now() + timeoutMs;
  }

  query<Row>(text: TemplateStringsArray | Prisma.Sql, ...values: unknown[]): Promise<Row[]> {
    return this.#issue(sqlOf(text, values)) as Promise<Row[]>;
  }

  async execute(text: TemplateStringsArray | Prisma.Sql, ...values: unknown[]): Promise<number> {
    const result = (await this.#issue(sqlOf(text, values))) as UpsertResult;
    return result.affectedRows;
  }

  async require(condition: Prisma.Sql, otherwise: () => Error): Promise<void> {
    // The subquery of two rows is an error, and evaluated only where it is needed.
    await this.#issue(Prisma.sql`DO IF(${condition}, 0, (SELECT 1 UNION SELECT 2))`, otherwise);
  }

  async commit(): Promise<void> {
    await this.#issue(COMMIT);
  }

  get isCommitted(): boolean {
    return this.#isCommitted;
  }

  /** From now on every statement is refused: what the work still sends must not begin another transaction. */
  end(): void {
    this.#isOver = true;
  }

  #issue(statement: Prisma.Sql, otherwise?: () => Error): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ statement, resolve, reject, ...(otherwise === undefined ? {} : { otherwise }) });
      if (this.#waiting.length === 1) queueMicrotask(() => void this.#send());
    });
  }

  async #send(): Promise<void> {
    const packet = this.#waiting;
    this.#waiting = [];
    const commits = packet.some(({ statement }) => statement === COMMIT);
    let isSent = false;
    try {
      if (commits && packet.at(-1)?.statement !== COMMIT) throw new Error('COMMIT is not the last statement');
      if (this.#isOver) throw new Error('the transaction has ended');
      if (performance.now() > this.#deadlineMs)
        throw new TransactionTooSlowError(`not done within ${this.#timeoutMs} ms: rolled back`);
      isSent = true;
      const results = await sendTogether(
        this.#connection,
        packet.map(({ statement }) => statement),
      );
      this.#isCommitted = commits;
      this.#isOver ||= commits;
      packet.forEach(({ resolve }, index) => resolve(results[index]));
    } catch (error) {
      const reason = isSent ? this.#reasonOf(error, packet, commits) : error;
      for (const { reject } of packet) reject(reason);
    }
  }

  #reasonOf(error: unknown, packet: readonly Waiting[], commits: boolean): unknown {
    const otherwise = packet.find((one) => one.otherwise !== undefined)?.otherwise;
    if (otherwise !== undefined && mysqlErrorNumber(error) === CONDITION_FAILED) return otherwise();
    // MySQL stops at a statement's error, so that COMMIT is not reached.
    return commits && !isStatementError(error)
      ? new LostCommitError(error, this.#connection.threadId)
      : error;
  }
}

async function sendTogether(
  connection: Pick<PoolConnection, 'query'>,
  statements: readonly Prisma.Sql[],
): Promise<unknown[]> {
  const text = statements.map(({ strings }) => strings.join('?')).join(';\n');
  const values = statements.flatMap((statement) => statement.values);
  const result = await connection.query<unknown>(text, values);
  return statements.length === 1 ? [result] : (result as unknown[]);
}

/**
 * Closes a database's connections once its transactions have ended; new ones are refused. A transaction that still runs
 * after the grace keeps its connection: the end of the process breaks it, and MySQL rolls back.
 *
 * @throws Error when transactions outlast `graceMs`; nothing is closed then
 */
export async function closeDatabase(db: Database, graceMs = CLOSE_GRACE_MS): Promise<void> {
  const running = await db.transactions.drain(graceMs);
  if (running > 0) throw new Error(`${running} transactions still run after ${graceMs} ms`);
  await db.$disconnect();
}

/**
 * Runs `work` in one READ COMMITTED transaction. A deadlock or a lock wait timeout repeats the whole of it, with growing,
 * jittered pauses, at most `attemptsMax` times: `work` must not do anything that cannot be done again.
 *
 * @throws OverloadedError when it is turned away; LostCommitError when COMMIT was sent and not answered;
 *   TransactionTooSlowError; what `work` throws
 */
export async function inTransaction<T>(
  db: Database,
  work: (tx: Tx) => Promise<T>,
  { attemptsMax = 6, timeoutMs = 15_000, onRetry, ...turn }: TransactionOptions = {},
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await db.transactions.run((connection) => runOnce(connection, work, timeoutMs), turn);
    } catch (error) {
      if (attempt >= attemptsMax || !isRetriable(error)) throw error;
      onRetry?.(error, attempt);
      await delay(BACKOFF_BASE_MS * 2 ** attempt * (0.5 + Math.random()));
    }
  }
}

async function runOnce<T>(
  connection: PoolConnection,
  work: (tx: Tx) => Promise<T>,
  timeoutMs: number,
): Promise<T> {
  const tx = new MysqlTransaction(connection, timeoutMs);
  try {
    const result = await work(tx).finally(() => tx.end());
    if (!tx.isCommitted) await commit(connection);
    return result;
  } catch (error) {
    if (error instanceof LostCommitError) connection.destroy();
    // A connection that cannot roll back is broken: MySQL rolls back when it is gone.
    else await connection.query('ROLLBACK').catch(() => connection.destroy());
    throw error;
  }
}

async function commit(connection: PoolConnection): Promise<void> {
  try {
    await connection.query('COMMIT');
  } catch (error) {
    // MySQL has rolled back and says so.
    if (isRetriable(error)) throw error;
    throw new LostCommitError(error, connection.threadId);
  }
}

/**
 * Ends the session behind a lost COMMIT: whatever was sent and has not begun to run never will. What runs holds its locks until
 * it has ended.
 *
 * @throws when MySQL does not answer
 */
export async function endSession(db: Database, { sessionId }: LostCommitError): Promise<void> {
  if (sessionId === null) throw new Error('the session that lost its COMMIT has no number');
  await db.query`KILL ${sessionId}`.catch((error: unknown) => {
    if (mysqlErrorNumber(error) !== NO_SUCH_SESSION) throw error;
  });
}

/**
 * Runs `read` in one REPEATABLE READ transaction: its first read opens the snapshot that all later ones see. It takes as
 * long as it takes, and holds no locks.
 */
export function inSnapshot<T>(db: Database, read: (snapshot: Tx) => Promise<T>): Promise<T> {
  const options = { attemptsMax: 1, timeoutMs: Number.POSITIVE_INFINITY };
  return inTransaction(
    db,
    async (tx) => {
      // Without SESSION it is the isolation of the next transaction, which the first read begins.
      await tx.execute`SET TRANSACTION ISOLATION LEVEL REPEATABLE READ`;
      return read(tx);
    },
    options,
  );
}
