import { createConnection } from 'mariadb';

/** Where and how much the bare SQL of purchases runs. */
export interface BarePlan {
  host: string;
  port: number;
  user: string;
  password: string;
  database: string;
  /** Purchases at the same time. */
  clients: number;
  /** Connections that they share, as the product's processes have them. */
  connections: number;
  /** No purchase begins after `seconds`, or after `purchases` have begun. */
  seconds?: number;
  purchases?: number;
  /** Each order has `linesPerOrder` of these products. */
  productNos: readonly number[];
  linesPerOrder: number;
}

/** One element per purchase, ms from the window's begin. */
export interface BareResult {
  startMs: number[];
  endMs: number[];
  elapsedMs: number;
}

/** Tables whose rows a purchase reads but does not make. */
export const MASTER_TABLES = ['sellers', 'products', 'wallets'];

export interface Server {
  host: string;
  port: number;
  user: string;
  password: string;
}

/** Database URL of a schema. */
export const urlOf = ({ host, port, user, password }: Server, database: string): string =>
  `mysql://${user}:${encodeURIComponent(password)}@${host}:${port}/${database}`;

/**
 * Creates the schema `copy`, dropping an earlier one, with the tables of `source`, their keys and foreign keys: the connector does not publish
 * its outbox, and the product's ledger keeps its chain.
 *
 * @param filled tables whose rows are copied too
 */
export async function copySchema(
  server: Server,
  source: string,
  copy: string,
  filled: readonly string[] = MASTER_TABLES,
): Promise<void> {
  const connection = await createConnection({ ...server, allowPublicKeyRetrieval: true, charset: 'utf8mb4' });
  try {
    // The connector does not read the copying.
    await connection.query('SET sql_log_bin = 0');
    const tables = await connection.query<Record<string, string>[]>(
      `SELECT table_name AS name FROM information_schema.tables
       WHERE table_schema = ? AND table_type = 'BASE TABLE'`,
      [source],
    );
    await connection.query(`DROP DATABASE IF EXISTS \`${copy}\``);
    await connection.query(`CREATE DATABASE \`${copy}\` CHARACTER SET utf8mb4`);
    await connection.query(`USE \`${copy}\``);
    // The tables come in no order in which each finds those it refers to.
    await connection.query('SET foreign_key_checks = 0');
    for (const { name = '' } of tables) {
      const [row] = await connection.query<Record<string, string>[]>(
        `SHOW CREATE TABLE \`${source}\`.\`${name}\``,
      );
      await connection.query(row?.['Create Table'] ?? '');
    }
    for (const name of filled) {
      const columns = await connection.query<Record<string, string>[]>(
        `SELECT column_name AS name FROM information_schema.columns
         WHERE table_schema = ? AND table_name = ? AND generation_expression = '' ORDER BY ordinal_position`,
        [source, name],
      );
      const list = columns.map((column) => `\`${column['name']}\``).join(', ');
      await connection.query(
        `INSERT INTO \`${name}\` (${list}) SELECT ${list} FROM \`${source}\`.\`${name}\``,
      );
      // The server counts by itself only some seconds later; plans made until then read whole tables.
      await connection.query(`ANALYZE TABLE \`${name}\``);
    }
  } finally {
    await connection.end();
  }
}
