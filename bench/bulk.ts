import { createHash, type Hash } from 'node:crypto';
import type { Connection } from 'mariadb';

// Rows by the thousand, as text: the benchmark's own data hold no quote and no backslash.

export type Cell = string | number | null | Buffer;
type Table = readonly [table: string, columns: string];
export const TABLES = {
  payments: [
    'payment_events',
    `no, member_no, order_id, order_name, total_amount, status, is_payment_done, is_wallet_done, payment_key, psp_raw_data,
     approved_at, last_event_seq, acknowledged_events, created_at, updated_at`,
  ],
  lines: [
    'payment_orders',
    'no, payment_event_no, product_no, seller_no, order_id, amount, payment_order_status, created_at, updated_at',
  ],
  cancels: [
    'payment_cancels',
    `no, id, payment_event_no, order_id, status, cancel_amount, refundable_amount, cancel_reason, transaction_key,
     canceled_at, event_seq, created_at, updated_at`,
  ],
  cancelLines: ['payment_cancel_lines', 'payment_cancel_no, payment_order_no'],
  ledger: [
    'wallet_transactions',
    `wallet_no, wallet_seq, type, amount, balance_after, reference_id, order_id, event_id, idempotency_key, line_hash,
     created_at`,
  ],
  settlements: ['settlements', 'order_id, last_seq_in, last_seq_out, created_at, updated_at'],
  outbox: [
    'outbox',
    'id, aggregate_type, aggregate_id, aggregate_seq, event_seq, event_type, idempotency_key, payload, created_at',
  ],
  inbox: [
    'inbox',
    'consumer, event_id, topic, `partition`, `offset`, aggregate_id, event_seq, payload_hash, processed_at',
  ],
} as const satisfies Record<string, Table>;

export type Batch = Record<keyof typeof TABLES, Cell[][]>;
export const emptyBatch = (): Batch =>
  Object.fromEntries(Object.keys(TABLES).map((name) => [name, [] as Cell[][]])) as Batch;

export const literal = (cell: Cell): string => {
  if (cell === null) return 'NULL';
  if (Buffer.isBuffer(cell)) return `X'${cell.toString('hex')}'`;
  // Nothing here holds a quote or a backslash.
  return typeof cell === 'number' ? String(cell) : `'${cell}'`;
};

export const sha256 = (): Hash => createHash('sha256');
export const momentText = (ms: number): string =>
  new Date(ms).toISOString().replace('T', ' ').replace('Z', '');

/** UUIDv7 of a moment and a running number: ordered, as the services' ids are. */
export function uuid7(ms: number, counter: number): string {
  const time = ms.toString(16).padStart(12, '0');
  const tail = counter.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${tail}`;
}

export const insert = (
  root: Connection,
  table: string,
  columns: string,
  rows: readonly Cell[][],
): Promise<unknown> =>
  rows.length === 0
    ? Promise.resolve()
    : root.query(
        `INSERT INTO ${table} (${columns}) VALUES ${rows.map((row) => `(${row.map(literal).join(',')})`).join(',')}`,
      );
