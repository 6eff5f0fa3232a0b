import { PrismaMariaDb } from '@prisma/adapter-mariadb';
import type { UpsertResult } from 'mariadb';
import { poolOptions, transactionPoolOptions, type PoolLimits } from './connection';
import { Prisma, PrismaClient } from './generated/client';
import { LazyPool } from './lazy-pool';
import { TransactionPool } from './transaction-pool';

export { Prisma } from './generated/client';

/** Runs single SELECTs: the database, or a transaction. */
export interface Reader {
  /**
   * @example await reader.query<{ no: bigint }>`SELECT no FROM products WHERE product_id = ${id}`
   * @returns the rows as the driver reads them: BIGINT as `bigint`, DECIMAL as text, DATETIME as `Date`
   */
  query<Row>(text: TemplateStringsArray | Prisma.Sql, ...values: unknown[]): Promise<Row[]>;
}

/** What a store writes with: a transaction, opened by `inTransaction`. Statements issued together share a packet. */
export interface Tx extends Reader {
  readonly isTransaction: true;
  /** @returns how many rows the statement inserted, deleted, or matched for an update */
  execute(text: TemplateStringsArray | Prisma.Sql, ...values: unknown[]): Promise<number>;
  /** MySQL stops the packet here unless `condition` holds; at most one in a packet. @throws what `otherwise` makes */
  require(condition: Prisma.Sql, otherwise: () => Error): Promise<void>;
  /**
   * Commits in the packet of the statements that it is issued together with: one round trip less than leaving the commit to
   * `inTransaction`. It comes last, and no statement may follow. What must hold before it, `require` says.
   *
   * @throws LostCommitError
   */
  commit(): Promise<void>;
}

/**
 * MySQL under one user. `query` and Prisma's models read; `inTransaction` and `execute` write. The two have connections of
 * their own, so that slow reads cannot take those that payments are written with.
 */
export class Database extends PrismaClient implements Reader {
  readonly transactions: TransactionPool;
  readonly reads: LazyPool;

  constructor(databaseUrl: string, connectionsMax: number, limits: PoolLimits) {
    const reads = new LazyPool(poolOptions(databaseUrl, connectionsMax, limits));
    super({
      adapter: {
        provider: 'mysql',
        adapterName: '@prisma/adapter-mariadb',
        // Text protocol: the adapter would prepare and close every statement.
        connect: () => new PrismaMariaDb(reads.get(), { useTextProtocol: true }).connect(),
      },
    });
    this.reads = reads;
    this.transactions = new TransactionPool(transactionPoolOptions(databaseUrl, connectionsMax, limits));
  }

  query<Row>(text: TemplateStringsArray | Prisma.Sql, ...parameters: unknown[]): Promise<Row[]> {
    const { sql, values } = sqlOf(text, parameters);
    return this.reads.get().query<Row[]>(sql, values);
  }

  /** One statement that is a transaction by itself. @returns as `Tx.execute` */
  execute(text: TemplateStringsArray | Prisma.Sql, ...parameters: unknown[]): Promise<number> {
    const { sql, values } = sqlOf(text, parameters);
    return this.transactions.run(async (connection) => {
      const [result] = await connection.query<[UpsertResult]>(`${sql};\nCOMMIT`, values);
      return result.affectedRows;
    });
  }

  override async $disconnect(): Promise<void> {
    await super.$disconnect();
    await Promise.all([this.transactions.end(), this.reads.end()]);
  }
}

/** A tagged template's parts, or a statement that was composed before, as one statement. */
export const sqlOf = (text: TemplateStringsArray | Prisma.Sql, values: unknown[]): Prisma.Sql =>
  text instanceof Prisma.Sql ? text : Prisma.sql(text, ...values);

/**
 * Opens a database. Connections are made when they are first needed.
 *
 * @param databaseUrl see `connectionOptions`
 * @param connectionsMax held at most by each of the two pools
 * @param limits a service has a time limit for responses; a command that reads millions of rows has none
 */
export function openDatabase(databaseUrl: string, connectionsMax: number, limits: PoolLimits = {}): Database {
  return new Database(databaseUrl, connectionsMax, limits);
}

/** No statement of a service takes that long: a connection that is silent for longer leads nowhere. */
export const SERVICE_LIMITS: PoolLimits = { answerTimeoutMs: 30_000 };

/** @throws when MySQL does not answer. For readiness checks. */
export async function pingDatabase(db: Database): Promise<void> {
  await db.query`SELECT 1`;
}

/** Rows of an INSERT: `(…), (…)`, every value escaped by the driver. @throws Error for no rows */
export function valuesOf(rows: readonly (readonly unknown[])[]): Prisma.Sql {
  if (rows.length === 0) throw new Error('an INSERT without rows');
  // Tens of thousands of values in a large batch: no text is made and cut up again.
  const parts = ['('];
  const values: unknown[] = [];
  for (const row of rows) {
    for (const value of row) {
      values.push(value);
      parts.push(',');
    }
    parts[parts.length - 1] = '),(';
  }
  parts[parts.length - 1] = ')';
  return new Prisma.Sql(parts, values);
}
