import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEmptyDatabase } from './database.fixture';
import { MIGRATIONS_DIR, MigrationError, migrate, migrationStatus, resolveMigration, seed } from './migrate';

type Empty = Awaited<ReturnType<typeof openEmptyDatabase>>;
const opened: Empty[] = [];
const folders: string[] = [];
afterAll(async () => {
  for (const each of opened) await each.close();
  for (const each of folders) rmSync(each, { recursive: true });
});

async function database(): Promise<Empty & { migratorUrl: string }> {
  const empty = await openEmptyDatabase();
  opened.push(empty);
  return { ...empty, migratorUrl: empty.url('migrator') };
}

/** A folder of migrations of the test's own. */
function folder(migrations: Record<string, string>): string {
  const dir = mkdtempSync(join(tmpdir(), 'migrations-'));
  folders.push(dir);
  for (const [name, sql] of Object.entries(migrations)) write(dir, name, sql);
  return dir;
}

function write(dir: string, name: string, sql: string): void {
  mkdirSync(join(dir, name), { recursive: true });
  writeFileSync(join(dir, name, 'migration.sql'), sql);
}

const NAMES = [
  '20261101000000_payments',
  '20261101000100_wallets',
  '20261101000200_outbox',
  '20261122000000_cancels',
  '20261122000100_negative_balances',
  '20261122000200_dead_letter_actions',
  '20261122000300_immutable_ledger',
  '20261122000400_ledger_checkpoints',
  '20261122010000_cancels_by_day',
  '20261122020000_audit_checkpoints',
  '20261123000000_topic_checkpoint_message',
  '20261201000000_dead_letter_causes',
];
const FIRST = '20260101000000_first';
const SECOND = '20260102000000_second';
const TWO = {
  [FIRST]: 'CREATE TABLE a (no INT PRIMARY KEY)',
  [SECOND]: 'CREATE TABLE b (no INT PRIMARY KEY)',
};
const noGrants = (dir: string) => ({ dir, grants: false });

describe('the project’s migrations', () => {
  it('When the schema is empty, then all are applied in order; when it is not, then nothing is done', async () => {
    const { migratorUrl, administer } = await database();
    expect((await migrationStatus(migratorUrl)).map(({ state }) => state)).toEqual(
      NAMES.map(() => 'pending'),
    );
    expect(await migrate(migratorUrl)).toEqual(expect.arrayContaining(NAMES));
    const before = await administer('SELECT * FROM _prisma_migrations ORDER BY migration_name');
    expect(await migrate(migratorUrl)).toEqual([]);
    expect(await administer('SELECT * FROM _prisma_migrations ORDER BY migration_name')).toEqual(before);
    expect((await migrationStatus(migratorUrl)).every(({ state }) => state === 'applied')).toBe(true);
  });

  it('When several processes migrate at once, then each migration is applied by exactly one', async () => {
    const { migratorUrl } = await database();
    const applied = await Promise.all([1, 2, 3].map(() => migrate(migratorUrl)));
    const names = (await migrationStatus(migratorUrl)).map(({ name }) => name);
    expect(applied.flat().sort()).toEqual(names);
  });

  it('keep Prisma Migrate’s own record: its columns, and the files’ checksums', async () => {
    const { migratorUrl, administer } = await database();
    await migrate(migratorUrl);
    const columns = await administer(
      `SELECT COLUMN_NAME AS name, COLUMN_TYPE AS type, IS_NULLABLE AS nullable, COLUMN_DEFAULT AS byDefault,
              COLUMN_KEY AS isKey
       FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = '_prisma_migrations'
       ORDER BY ordinal_position`,
    );
    // As Prisma's schema engine creates the table (sql-migration-connector, MySQL flavour).
    expect(columns.map((column) => Object.values(column))).toEqual([
      ['id', 'varchar(36)', 'NO', null, 'PRI'],
      ['checksum', 'varchar(64)', 'NO', null, ''],
      ['finished_at', 'datetime(3)', 'YES', null, ''],
      ['migration_name', 'varchar(255)', 'NO', null, ''],
      ['logs', 'text', 'YES', null, ''],
      ['rolled_back_at', 'datetime(3)', 'YES', null, ''],
      ['started_at', 'datetime(3)', 'NO', 'CURRENT_TIMESTAMP(3)', ''],
      ['applied_steps_count', 'int unsigned', 'NO', '0', ''],
    ]);
    const rows = await administer('SELECT * FROM _prisma_migrations');
    for (const row of rows) {
      const file = join(MIGRATIONS_DIR, String(row['migration_name']), 'migration.sql');
      expect(row['checksum']).toBe(createHash('sha256').update(readFileSync(file)).digest('hex'));
      expect(row).toMatchObject({ logs: null, rolled_back_at: null, applied_steps_count: 1 });
      expect(row['finished_at']).toBeInstanceOf(Date);
    }
  });

  it('When the demo data is inserted twice, then it is there once, and what was changed stays', async () => {
    const { migratorUrl, administer } = await database();
    await migrate(migratorUrl);
    await seed(migratorUrl);
    await administer('UPDATE wallets SET balance = 7 WHERE no = 1');
    await administer('UPDATE products SET price = 9000 WHERE no = 6');
    await seed(migratorUrl);
    const sellers = await administer('SELECT no, seller_id FROM sellers ORDER BY no');
    expect(sellers.map((row) => [Number(row['no']), row['seller_id']])).toEqual([
      [1, 'A'],
      [2, 'B'],
      [3, 'C'],
    ]);
    const products = await administer('SELECT seller_no, product_id, name, price FROM products ORDER BY no');
    expect(products.map((row) => Object.values(row).map(String).join(' '))).toEqual([
      '1 A 상품A 1000.00',
      '1 B 상품B 2000.00',
      '1 C 상품C 3000.00',
      '2 D 상품D 1500.00',
      '2 E 상품E 2500.00',
      '3 F 상품F 9000.00',
    ]);
    const wallets = await administer('SELECT seller_no, balance FROM wallets ORDER BY no');
    expect(wallets.map((row) => Object.values(row).map(String).join(' '))).toEqual(['1 7.00', '2 0.00']);
  });
});

describe('what the record and the files disagree on', () => {
  it('When an applied file was changed, then nothing is applied and the sentence says what to do', async () => {
    const { migratorUrl, administer } = await database();
    const dir = folder({ [FIRST]: TWO[FIRST] ?? '' });
    await migrate(migratorUrl, noGrants(dir));
    write(dir, FIRST, 'CREATE TABLE a (no BIGINT PRIMARY KEY)');
    write(dir, SECOND, TWO[SECOND] ?? '');
    await expect(migrate(migratorUrl, noGrants(dir))).rejects.toThrow(
      new MigrationError(
        `cannot migrate:\n  ${FIRST} was changed after it had been applied. Restore the file, and put the change into ` +
          'a new migration.',
      ),
    );
    expect(await administer("SHOW TABLES LIKE 'b'")).toEqual([]);
    expect(await migrationStatus(migratorUrl, dir)).toEqual([
      { name: FIRST, state: 'changed' },
      { name: SECOND, state: 'pending' },
    ]);
  });

  it('When a newer checkout has migrated, then this one refuses', async () => {
    const { migratorUrl } = await database();
    const dir = folder(TWO);
    await migrate(migratorUrl, noGrants(dir));
    rmSync(join(dir, SECOND), { recursive: true });
    expect(await migrationStatus(migratorUrl, dir)).toEqual([
      { name: FIRST, state: 'applied' },
      { name: SECOND, state: 'unknown' },
    ]);
    await expect(migrate(migratorUrl, noGrants(dir))).rejects.toThrow(
      `${SECOND} was applied by a newer version of this project. Use that version.`,
    );
  });

  it('When the users are missing that get grants, then that is said', async () => {
    const { administer, url } = await database();
    const dir = mkdtempSync(join(tmpdir(), 'migrations-'));
    folders.push(dir);
    cpSync(MIGRATIONS_DIR, dir, { recursive: true });
    rmSync(join(dir, '20261122000400_ledger_checkpoints'), { recursive: true });
    // Without one of its migrations a table is missing, which is the same failure as a missing user.
    await expect(migrate(url('migrator'), { dir })).rejects.toThrow(
      /the tables are migrated, but granting failed: .*ledger_checkpoints.* doesn't exist/,
    );
    expect(await administer("SHOW TABLES LIKE 'wallets'")).toHaveLength(1);
  });
});

describe('a migration that fails', () => {
  const BROKEN = 'CREATE TABLE b (no INT PRIMARY KEY);\nCREATE TABLE c (no NONSENSE);';

  async function failed() {
    const own = await database();
    const dir = folder({
      ...TWO,
      [SECOND]: BROKEN,
      '20260103000000_third': 'CREATE TABLE d (no INT PRIMARY KEY)',
    });
    const error = await migrate(own.migratorUrl, noGrants(dir)).catch((e: unknown) => e as Error);
    return { ...own, dir, error };
  }

  it('When a statement fails, then MySQL’s reason is said and kept, and nothing behind it is applied', async () => {
    const { migratorUrl, administer, dir, error } = await failed();
    expect(error).toBeInstanceOf(MigrationError);
    expect((error as Error).message).toMatch(new RegExp(`^migration ${SECOND} failed: .*NONSENSE`));
    const [row] = await administer('SELECT * FROM _prisma_migrations WHERE migration_name = ?', [SECOND]);
    expect(row).toMatchObject({
      finished_at: null,
      rolled_back_at: null,
      applied_steps_count: 0,
      logs: expect.stringContaining('NONSENSE'),
    });
    expect(await administer("SHOW TABLES LIKE 'd'")).toEqual([]);
    expect((await migrationStatus(migratorUrl, dir)).map(({ state }) => state)).toEqual([
      'applied',
      'failed',
      'pending',
    ]);
    await expect(migrate(migratorUrl, noGrants(dir))).rejects.toThrow(
      new RegExp(`${SECOND} was begun and did not finish.*--resolve ${SECOND} --rolled-back`),
    );
  });

  it('When it was undone by hand and said to be rolled back, then it is applied anew', async () => {
    const { migratorUrl, administer, dir } = await failed();
    await administer('DROP TABLE b');
    write(dir, SECOND, TWO[SECOND] ?? '');
    await resolveMigration(migratorUrl, SECOND, 'rolled-back');
    expect(await migrate(migratorUrl, noGrants(dir))).toEqual([SECOND, '20260103000000_third']);
    const rows = await administer('SELECT * FROM _prisma_migrations WHERE migration_name = ?', [SECOND]);
    expect(rows.map((row) => row['rolled_back_at'] === null).sort()).toEqual([false, true]);
  });

  it('When it was completed by hand and said to be applied, then the rest follows', async () => {
    const { migratorUrl, administer, dir } = await failed();
    await administer('CREATE TABLE c (no INT PRIMARY KEY)');
    await resolveMigration(migratorUrl, SECOND, 'applied');
    expect(await migrate(migratorUrl, noGrants(dir))).toEqual(['20260103000000_third']);
  });

  it('When a migration has not failed, then there is nothing to resolve', async () => {
    const { migratorUrl, dir } = await failed();
    await expect(resolveMigration(migratorUrl, FIRST, 'rolled-back')).rejects.toThrow(
      `${FIRST} is not a failed migration`,
    );
    await expect(resolveMigration(migratorUrl, 'nonsense', 'applied')).rejects.toThrow(MigrationError);
    expect((await migrationStatus(migratorUrl, dir))[0]).toEqual({ name: FIRST, state: 'applied' });
  });
});
