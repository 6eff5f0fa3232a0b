import { hash } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Connection } from 'mariadb';

// Rows by the hundred thousand: a server reads them from files beside it several times faster than out of statements,
// and sorts a whole index faster than it finds the place of each entry.

interface Table {
  table: string;
  /** Columns in a row's order. */
  columns: string;
  set?: string;
  /** Are its indexes built after the rows? Not worth it for few rows. */
  isLarge: boolean;
}

/** Filled in this order. Rows come in the order of their primary keys. */
const TABLES = {
  payments: {
    table: 'payment_events',
    columns: `no, member_no, order_id, order_name, total_amount, status, is_payment_done, is_wallet_done, payment_key,
      psp_raw_data, approved_at, last_event_seq, acknowledged_events, created_at, updated_at`,
    isLarge: true,
  },
  lines: {
    table: 'payment_orders',
    columns:
      'no, payment_event_no, product_no, seller_no, order_id, amount, payment_order_status, created_at, updated_at',
    isLarge: true,
  },
  cancels: {
    table: 'payment_cancels',
    columns: `no, id, payment_event_no, order_id, status, cancel_amount, refundable_amount, cancel_reason,
      transaction_key, canceled_at, event_seq, created_at, updated_at`,
    isLarge: false,
  },
  cancelLines: {
    table: 'payment_cancel_lines',
    columns: 'payment_cancel_no, payment_order_no',
    isLarge: false,
  },
  ledger: {
    table: 'wallet_transactions',
    columns: `wallet_no, wallet_seq, type, amount, balance_after, reference_id, order_id, event_id, idempotency_key,
      line_hash, created_at`,
    isLarge: true,
  },
  settlements: {
    table: 'settlements',
    columns: 'order_id, last_seq_in, last_seq_out, created_at, updated_at',
    isLarge: true,
  },
  outbox: {
    table: 'outbox',
    columns: `no, id, aggregate_type, aggregate_id, aggregate_seq, event_seq, event_type, idempotency_key, @payload,
      created_at`,
    set: 'payload = UNHEX(@payload)',
    isLarge: true,
  },
  inbox: {
    table: 'inbox',
    columns:
      'consumer, event_id, topic, `partition`, `offset`, aggregate_id, event_seq, payload_hash, processed_at',
    isLarge: true,
  },
} as const satisfies Record<string, Table>;

export type TableName = keyof typeof TABLES;
export type Cell = string | number;

export const sha256Hex = (data: string | Buffer): string => hash('sha256', data, 'hex');
export const momentText = (ms: number): string =>
  new Date(ms).toISOString().replace('T', ' ').replace('Z', '');

/** UUIDv7 of a moment and a running number: ordered, as the services' ids are. */
export function uuid7(ms: number, counter: number): string {
  const time = ms.toString(16).padStart(12, '0');
  const tail = counter.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${tail}`;
}

const literal = (cell: Cell): string => (typeof cell === 'number' ? String(cell) : `'${cell}'`);

/** A few rows, as one statement. The benchmark's own data hold no quote and no backslash. */
export const insert = (
  root: Connection,
  table: string,
  columns: string,
  rows: readonly Cell[][],
  onDuplicate = '',
): Promise<unknown> =>
  rows.length === 0
    ? Promise.resolve()
    : root.query(
        `INSERT INTO ${table} (${columns}) VALUES ${rows.map((row) => `(${row.map(literal).join(',')})`).join(',')}
         ${onDuplicate}`,
      );

/** Rows that wait to be loaded, as text: tabs between cells, which hold neither tab nor backslash. */
export class Batch {
  readonly #texts = new Map<TableName, string[]>();

  add(name: TableName, row: readonly Cell[]): void {
    const texts = this.#texts.get(name);
    if (texts === undefined) this.#texts.set(name, [row.join('\t')]);
    else texts.push(row.join('\t'));
  }

  /** Each table's rows, in the order in which they are to be loaded. */
  *texts(): Generator<readonly [TableName, string]> {
    for (const name of Object.keys(TABLES) as TableName[]) {
      const rows = this.#texts.get(name);
      if (rows !== undefined) yield [name, `${rows.join('\n')}\n`];
    }
  }
}

/** Loads batches through files in a folder that the server may read (`--secure-file-priv`). */
export class BulkLoader {
  #files = 0;

  /** @param root a connection that takes several statements at once */
  constructor(
    private readonly root: Connection,
    private readonly folder: string,
  ) {
    mkdirSync(folder, { recursive: true });
  }

  async load(batch: Batch): Promise<void> {
    const paths: string[] = [];
    const statements: string[] = [];
    for (const [name, text] of batch.texts()) {
      const { table, columns, set }: Table = TABLES[name];
      const path = join(this.folder, `${(this.#files += 1)}.tsv`);
      writeFileSync(path, text, 'latin1');
      paths.push(path);
      statements.push(
        `LOAD DATA INFILE '${path}' INTO TABLE ${table} CHARACTER SET binary (${columns})
         ${set === undefined ? '' : `SET ${set}`}`,
      );
    }
    // In one request: the server does not wait for this process between the tables.
    await this.root.query(statements.join(';\n'));
    for (const path of paths) rmSync(path);
  }

  /**
   * Loads rows while the large tables have no index but their primary keys, and the server no redo log; a server that
   * ends meanwhile has lost its data.
   */
  async withoutIndexes(load: () => Promise<void>, say: (text: string) => void): Promise<void> {
    await this.root.query('ALTER INSTANCE DISABLE INNODB REDO_LOG');
    const large = Object.values(TABLES).filter(({ isLarge }) => isLarge);
    const rebuilt: string[] = [];
    for (const { table } of large) {
      const { drops, builds } = await this.#indexesOf(table);
      if (drops !== '') await this.root.query(`ALTER TABLE ${table} ${drops}`);
      rebuilt.push(...builds.map((build) => `ALTER TABLE ${table} ${build}`));
    }
    await load();
    for (const statement of rebuilt) {
      const beganMs = performance.now();
      await this.root.query(statement);
      const seconds = ((performance.now() - beganMs) / 1_000).toFixed(1);
      say(`${statement.split(' ').slice(2, 5).join(' ')} …: ${seconds} s`);
    }
    await this.root.query('ALTER INSTANCE ENABLE INNODB REDO_LOG');
  }

  /** The server counts anew by itself, but some seconds later; plans made until then read whole tables. */
  async analyze(): Promise<void> {
    for (const { table } of Object.values(TABLES)) await this.root.query(`ANALYZE TABLE ${table}`);
  }

  /** A table's secondary keys and foreign keys, as the server itself writes them down. */
  async #indexesOf(table: string): Promise<{ drops: string; builds: string[] }> {
    const [row] = await this.root.query<{ 'Create Table': string }[]>(`SHOW CREATE TABLE ${table}`);
    const lines = (row?.['Create Table'] ?? '').split('\n').map((line) => line.trim().replace(/,$/, ''));
    const keys = lines.filter((line) => /^(UNIQUE )?KEY /.test(line));
    const foreign = lines.filter((line) => /^CONSTRAINT .* FOREIGN KEY /.test(line));
    const nameOf = (line: string): string => /`[^`]+`/.exec(line)?.[0] ?? '';
    return {
      // A foreign key needs its index: it goes first and comes last.
      drops: [
        ...foreign.map((line) => `DROP FOREIGN KEY ${nameOf(line)}`),
        ...keys.map((line) => `DROP KEY ${nameOf(line)}`),
      ].join(', '),
      builds: [keys, foreign]
        .filter((some) => some.length > 0)
        .map((some) => some.map((line) => `ADD ${line}`).join(', ')),
    };
  }
}
