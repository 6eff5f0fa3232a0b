import { PrismaMariaDb } from '@prisma/adapter-mariadb';
import type { UpsertResult } from 'mariadb';
import { poolOptions, transactionPoolOptions, type PoolLimits } from './connection';
import { Prisma, PrismaClient } from './generated/client';
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
}

/**
 * MySQL under one user. Prisma's models read what pages, lists and operators ask for; `inTransaction` writes. The two have
 * pools of their own, so that slow reads cannot take the connections that payments are written with.
 */
export class Database extends PrismaClient implements Reader {
  readonly transactions: TransactionPool;

  constructor(databaseUrl: string, connectionsMax: number, limits: PoolLimits) {
    const reads = poolOptions(databaseUrl, connectionsMax, limits);
    // Text protocol: the adapter would prepare and close every statement.
    super({ adapter: new PrismaMariaDb(reads, { useTextProtocol: true }) });
    this.transactions = new TransactionPool(transactionPoolOptions(databaseUrl, connectionsMax, limits));
  }

  query<Row>(text: TemplateStringsArray | Prisma.Sql, ...values: unknown[]): Promise<Row[]> {
    return runAlone<Row[]>(this.transactions, sqlOf(text, values));
  }

  /** One statement that is a transaction by itself. @returns as `Tx.execute` */
  async execute(text: TemplateStringsArray | Prisma.Sql, ...values: unknown[]): Promise<number> {
    const { affectedRows } = await runAlone<UpsertResult>(this.transactions, sqlOf(text, values));
    return affectedRows;
  }

  override async $disconnect(): Promise<void> {
    await Promise.all([this.transactions.end(), super.$disconnect()]);
  }
}

async function runAlone<T>({ connections }: TransactionPool, { sql, values }: Prisma.Sql): Promise<T> {
  // The session has no autocommit.
  const [result] = await connections.query<[T]>(`${sql};\nCOMMIT`, values);
  return result;
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
