import { createConnection, type Connection } from 'mariadb';
import { connectionOptions } from './connection';
import { openTestDatabase, type TestDatabase } from './database.fixture';
import type { UserRole } from './users';

// Who may do what is written down here once more, as an exhaustive table: a grant too many is a difference.

const ROLES = ['paymentApi', 'wallet', 'ops', 'cdc'] as const;
type Role = (typeof ROLES)[number];

/** S select, I insert, U update, D delete; every other table: none of them. */
const MAY: Record<Role, Record<string, string>> = {
  paymentApi: {
    sellers: 'S',
    products: 'S',
    payment_cancel_lines: 'SI',
    payment_cancels: 'SIU',
    payment_events: 'SIU',
    payment_orders: 'SIU',
    payment_order_histories: 'SI',
    outbox: 'SI',
    inbox: 'SI',
    dead_letters: 'SIU',
    event_schemas: 'S',
  },
  wallet: {
    sellers: 'S',
    wallets: 'SIU',
    wallet_transactions: 'SI',
    settlements: 'SIU',
    outbox: 'SI',
    inbox: 'SI',
    dead_letters: 'SIU',
    event_schemas: 'S',
  },
  ops: {
    sellers: 'S',
    products: 'S',
    payment_cancel_lines: 'S',
    payment_cancels: 'S',
    payment_events: 'S',
    payment_orders: 'S',
    payment_order_histories: 'S',
    wallets: 'S',
    wallet_transactions: 'S',
    settlements: 'S',
    outbox: 'SI',
    inbox: 'S',
    dead_letters: 'SU',
    dead_letter_actions: 'SI',
    ledger_checkpoints: 'SIU',
    topic_checkpoints: 'SIU',
    audit_checkpoints: 'SIU',
    event_schemas: 'S',
    cdc_heartbeat: 'S',
    _prisma_migrations: 'S',
  },
  cdc: { outbox: 'S', cdc_heartbeat: 'SIU' },
};

let database: TestDatabase;
let tables: string[];
const connections = new Map<UserRole, Connection>();
beforeAll(async () => {
  database = await openTestDatabase('ops');
  for (const role of [...ROLES, 'migrator'] as const) {
    connections.set(role, await createConnection(connectionOptions(database.url(role))));
  }
  const rows = await database.administer<{ name: string }[]>(
    'SELECT table_name AS name FROM information_schema.tables WHERE table_schema = DATABASE()',
  );
  tables = rows.map(({ name }) => name);
});
afterAll(async () => {
  for (const connection of connections.values()) await connection.end();
  await database.close();
});

/** MySQL's error number; 0 when it was done. Everything is rolled back. */
async function attempt(role: UserRole, sql: string): Promise<number> {
  const connection = connections.get(role) as Connection;
  await connection.beginTransaction();
  try {
    await connection.query(sql);
    return 0;
  } catch (error) {
    return (error as { errno: number }).errno;
  } finally {
    await connection.rollback();
  }
}

const DENIED = [1142, 1143, 1044, 1227];
const SIGNALED = 1644;

async function statementsOf(table: string): Promise<Record<'S' | 'I' | 'U' | 'D', string>> {
  const [column] = await database.administer<{ name: string }[]>(
    `SELECT column_name AS name FROM information_schema.columns
     WHERE table_schema = DATABASE() AND table_name = ? ORDER BY ordinal_position LIMIT 1`,
    [table],
  );
  const name = `\`${column?.name}\``;
  return {
    S: `SELECT * FROM ${table} LIMIT 1`,
    // From nothing: only the privilege is tried.
    I: `INSERT INTO ${table} (${name}) SELECT ${name} FROM (SELECT 1 AS ${name}) nothing WHERE FALSE`,
    U: `UPDATE ${table} SET ${name} = ${name} WHERE FALSE`,
    D: `DELETE FROM ${table} WHERE FALSE`,
  };
}

describe('the MySQL users', () => {
  it.each(ROLES)('%s may do what its work needs, on every table, and nothing else', async (role) => {
    const found: Record<string, string> = {};
    for (const table of tables) {
      let may = '';
      for (const [kind, sql] of Object.entries(await statementsOf(table))) {
        const errorNumber = await attempt(role, sql);
        if (!DENIED.includes(errorNumber) && errorNumber !== 0) throw new Error(`${sql}: ${errorNumber}`);
        if (errorNumber === 0) may += kind;
      }
      if (may !== '') found[table] = may;
    }
    expect(found).toEqual(MAY[role]);
  });

  it.each(['payment_order_histories', 'wallet_transactions', 'outbox', 'inbox', 'dead_letter_actions'])(
    'Nobody but the migrator changes or removes a row of %s',
    async (table) => {
      const { U, D } = await statementsOf(table);
      for (const role of ROLES) {
        expect(DENIED).toContain(await attempt(role, U));
        expect(DENIED).toContain(await attempt(role, D));
      }
      expect(await attempt('migrator', U)).toBe(0);
    },
  );

  it('Not even the migrator or an administrator changes or removes a ledger line', async () => {
    await database.administer(
      `INSERT INTO wallet_transactions (wallet_no, wallet_seq, type, amount, balance_after, reference_id, order_id,
         event_id, idempotency_key, line_hash, created_at)
       VALUES (1, 1, 'CREDIT', 1, 1, 1, 'order', 'event', 'CREDIT:1', '', NOW(3))`,
    );
    const [change, remove] = [
      'UPDATE wallet_transactions SET amount = amount + 1',
      'DELETE FROM wallet_transactions',
    ];
    for (const sql of [change, remove]) {
      expect(await attempt('migrator', sql)).toBe(SIGNALED);
      await expect(database.administer(sql)).rejects.toThrow(/a ledger line is never .*counter-line/);
    }
    expect(await database.administer('SELECT amount FROM wallet_transactions')).toEqual([{ amount: '1.00' }]);
  });

  it.each([...ROLES])('%s cannot make, change or drop tables, nor grant what it has', async (role) => {
    for (const sql of [
      'CREATE TABLE mine (no INT)',
      'DROP TABLE wallets',
      'ALTER TABLE outbox ADD COLUMN mine INT',
      'TRUNCATE TABLE outbox',
      'DROP TRIGGER wallet_transactions_no_update',
      'CREATE TRIGGER mine BEFORE INSERT ON outbox FOR EACH ROW SET @x = 1',
      "GRANT SELECT ON outbox TO 'ops'@'%'",
    ]) {
      const errorNumber = await attempt(role, sql);
      expect({ sql, errorNumber, isDenied: [...DENIED, 1419].includes(errorNumber) }).toMatchObject({
        isDenied: true,
      });
    }
  });

  it.each([...ROLES])('%s sees no other schema', async (role) => {
    expect(DENIED).toContain(await attempt(role, 'SELECT * FROM mysql.user LIMIT 1'));
  });
});
