import { PrismaMariaDb } from '@prisma/adapter-mariadb';
import { poolOptions, type PoolLimits } from './connection';
import { type Prisma, PrismaClient } from './generated/client';

export { Prisma } from './generated/client';

/** A pool of connections to MySQL under one user. */
export type Database = PrismaClient;

/** What a store writes with: a transaction, opened by `inTransaction`. */
export type Tx = Prisma.TransactionClient;

/** What a store reads with: the database itself, or a transaction. */
export type Reader = Database | Tx;

/**
 * Opens a pool. Connections are made when they are first needed.
 *
 * @param databaseUrl see `connectionOptions`
 * @param connectionsMax connections held at most
 * @param limits a service has a time limit for answers; a command that reads millions of rows has none
 */
export function openDatabase(databaseUrl: string, connectionsMax: number, limits: PoolLimits = {}): Database {
  return new PrismaClient({ adapter: new PrismaMariaDb(poolOptions(databaseUrl, connectionsMax, limits)) });
}

/** No statement of a service takes that long: a connection that is silent for longer leads nowhere. */
export const SERVICE_LIMITS: PoolLimits = { answerTimeoutMs: 30_000 };

/** @throws when MySQL does not answer. For readiness checks. */
export async function pingDatabase(db: Reader): Promise<void> {
  await db.$queryRaw`SELECT 1`;
}
