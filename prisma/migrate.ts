import { createHash, randomUUID } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createConnection, type Connection } from 'mariadb';
import { connectionOptions } from './connection';

export const MIGRATIONS_DIR = join(__dirname, 'migrations');

/** Prisma Migrate takes the same lock, so that both never migrate at once. */
const MIGRATION_LOCK = 'prisma_migrate';
const LOCK_WAIT_S = 30;

/** Migrating is not possible as things stand; the message says what to do. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError';
}

export interface Migration {
  name: string;
  sql: string;
  /** SHA-256 of the file, in hex, as Prisma Migrate computes it. */
  checksum: string;
}

export interface MigrationStatus {
  name: string;
  state: 'applied' | 'pending' | 'failed' | 'changed' | 'unknown';
}

interface AppliedRow {
  migration_name: string;
  checksum: string;
  finished_at: Date | null;
  rolled_back_at: Date | null;
}

/** Migrations of a folder in Prisma Migrate's layout, `<time>_<name>/migration.sql`, in their order. */
export function readMigrations(dir: string = MIGRATIONS_DIR): Migration[] {
  return readdirSync(dir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(dir, entry.name, 'migration.sql')))
    .map((entry) => entry.name)
    .sort()
    .map((name) => {
      const sql = readFileSync(join(dir, name, 'migration.sql'));
      return { name, sql: sql.toString('utf8'), checksum: createHash('sha256').update(sql).digest('hex') };
    });
}

/**
 * Compares the folder with what `_prisma_migrations` says. A pure rule.
 *
 * `changed`: applied, but the file is another one now. `failed`: begun and not finished. `unknown`: applied by a newer
 * checkout than this one.
 */
export function compareMigrations(
  files: readonly Migration[],
  rows: readonly AppliedRow[],
): MigrationStatus[] {
  const standing = rows.filter((row) => row.rolled_back_at === null);
  const statuses = files.map(({ name, checksum }): MigrationStatus => {
    const row = standing.find((candidate) => candidate.migration_name === name);
    if (row === undefined) return { name, state: 'pending' };
    if (row.finished_at === null) return { name, state: 'failed' };
    return { name, state: row.checksum === checksum ? 'applied' : 'changed' };
  });
  const known = new Set(files.map((file) => file.name));
  const unknown = standing
    .filter((row) => !known.has(row.migration_name))
    .map((row): MigrationStatus => ({ name: row.migration_name, state: 'unknown' }));
  return [...statuses, ...unknown];
}

const ADVICE: Record<Exclude<MigrationStatus['state'], 'applied' | 'pending'>, string> = {
  failed:
    'was begun and did not finish. Undo by hand what it did, then run `npm run migrate -- --resolve NAME --rolled-back`',
  changed: 'was changed after it had been applied. Restore the file, and put the change into a new migration',
  unknown: 'was applied by a newer version of this project. Use that version',
};

function refuseIfUnsound(statuses: readonly MigrationStatus[]): void {
  const problems = statuses.flatMap(({ name, state }) =>
    state === 'applied' || state === 'pending' ? [] : [`  ${name} ${ADVICE[state].replace('NAME', name)}.`],
  );
  if (problems.length > 0) throw new MigrationError(`cannot migrate:\n${problems.join('\n')}`);
}

async function ensureTable(connection: Connection): Promise<void> {
  await connection.query(`
    CREATE TABLE IF NOT EXISTS _prisma_migrations (
      id                  VARCHAR(36)  NOT NULL PRIMARY KEY,
      checksum            VARCHAR(64)  NOT NULL,
      finished_at         DATETIME(3),
      migration_name      VARCHAR(255) NOT NULL,
      logs                TEXT,
      rolled_back_at      DATETIME(3),
      started_at          DATETIME(3)  NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
      applied_steps_count INTEGER UNSIGNED NOT NULL DEFAULT 0
    ) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci`);
}

const readRows = (connection: Connection): Promise<AppliedRow[]> =>
  connection.query(
    'SELECT migration_name, checksum, finished_at, rolled_back_at FROM _prisma_migrations ORDER BY started_at',
  );

/** Applies one migration. MySQL commits DDL at once, so the row is there before: a crash leaves it unfinished. */
async function applyOne(connection: Connection, migration: Migration): Promise<void> {
  const id = randomUUID();
  await connection.query('INSERT INTO _prisma_migrations (id, checksum, migration_name) VALUES (?, ?, ?)', [
    id,
    migration.checksum,
    migration.name,
  ]);
  try {
    await connection.query(migration.sql);
  } catch (error) {
    await connection.query('UPDATE _prisma_migrations SET logs = ? WHERE id = ?', [String(error), id]);
    const reason = (error as { sqlMessage?: string }).sqlMessage ?? String(error);
    throw new MigrationError(`migration ${migration.name} failed: ${reason}`);
  }
  await connection.query(
    'UPDATE _prisma_migrations SET finished_at = CURRENT_TIMESTAMP(3), applied_steps_count = 1 WHERE id = ?',
    [id],
  );
}

async function withConnection<T>(
  databaseUrl: string,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  const connection = await createConnection({ ...connectionOptions(databaseUrl), multipleStatements: true });
  try {
    return await work(connection);
  } finally {
    await connection.end();
  }
}

async function withLock<T>(connection: Connection, work: () => Promise<T>): Promise<T> {
  const [row] = await connection.query<{ locked: number | bigint | null }[]>(
    'SELECT GET_LOCK(?, ?) AS locked',
    [MIGRATION_LOCK, LOCK_WAIT_S],
  );
  if (Number(row?.locked) !== 1)
    throw new MigrationError('another migration is running; try again when it has ended');
  try {
    return await work();
  } finally {
    await connection.query('SELECT RELEASE_LOCK(?)', [MIGRATION_LOCK]);
  }
}

/** State of every migration; changes nothing. */
export function migrationStatus(
  databaseUrl: string,
  dir: string = MIGRATIONS_DIR,
): Promise<MigrationStatus[]> {
  return withConnection(databaseUrl, async (connection) => {
    const tables = await connection.query<unknown[]>("SHOW TABLES LIKE '\\_prisma\\_migrations'");
    return compareMigrations(readMigrations(dir), tables.length === 0 ? [] : await readRows(connection));
  });
}

/**
 * Applies what is pending, in order, then the grants. Several processes may call it at once: one works, the others
 * wait and find nothing to do.
 *
 * @returns the names of the migrations that were applied now
 * @throws MigrationError for a failed, changed or unknown migration: nothing is applied then
 */
export function migrate(
  databaseUrl: string,
  { dir = MIGRATIONS_DIR, grants = true }: { dir?: string; grants?: boolean } = {},
): Promise<string[]> {
  return withConnection(databaseUrl, (connection) =>
    withLock(connection, async () => {
      await ensureTable(connection);
      const files = readMigrations(dir);
      const statuses = compareMigrations(files, await readRows(connection));
      refuseIfUnsound(statuses);
      const pending = files.filter((file) =>
        statuses.some((s) => s.name === file.name && s.state === 'pending'),
      );
      for (const migration of pending) await applyOne(connection, migration);
      if (grants) await applyGrants(connection, connectionOptions(databaseUrl).database);
      return pending.map((migration) => migration.name);
    }),
  );
}

async function applyGrants(connection: Connection, database: string): Promise<void> {
  const sql = readFileSync(join(__dirname, 'grants.sql'), 'utf8').replaceAll('{database}', `\`${database}\``);
  try {
    await connection.query(sql);
  } catch (error) {
    const reason = (error as { sqlMessage?: string }).sqlMessage ?? String(error);
    throw new MigrationError(`the tables are migrated, but granting failed: ${reason}. Do the users exist?`);
  }
}

/** Tells the record how a failed migration was settled by hand. @throws MigrationError when there is no such failure. */
export function resolveMigration(
  databaseUrl: string,
  name: string,
  as: 'rolled-back' | 'applied',
): Promise<void> {
  return withConnection(databaseUrl, (connection) =>
    withLock(connection, async () => {
      const column = as === 'applied' ? 'finished_at' : 'rolled_back_at';
      const result = await connection.query<{ affectedRows: number }>(
        `UPDATE _prisma_migrations SET ${column} = CURRENT_TIMESTAMP(3)
         WHERE migration_name = ? AND finished_at IS NULL AND rolled_back_at IS NULL`,
        [name],
      );
      if (result.affectedRows === 0) throw new MigrationError(`${name} is not a failed migration`);
    }),
  );
}

/** Demo sellers, products and wallets (`seed.sql`). Repeating it changes nothing. */
export function seed(databaseUrl: string): Promise<void> {
  return withConnection(databaseUrl, async (connection) => {
    await connection.query(readFileSync(join(__dirname, 'seed.sql'), 'utf8'));
  });
}
