import { createHash } from 'node:crypto';
import type { PaymentSettled } from '#contracts/generated-types';
import { openTestDatabase, testCodec, type TestDatabase } from '#prisma/database.fixture';

// A small market that holds, row by row, for tests that break it by an administrator's hand.

export const { encode, decode } = testCodec();

interface Order {
  no: number;
  orderId: string;
  status: string;
  events: number;
  lines: [no: number, sellerNo: number, amount: number, status: string][];
}

export const ORDERS: Order[] = [
  {
    no: 1,
    orderId: 'order-paid',
    status: 'SUCCESS',
    events: 1,
    lines: [
      [1, 1, 1000, 'SUCCESS'],
      [2, 2, 1500, 'SUCCESS'],
    ],
  },
  {
    no: 2,
    orderId: 'order-partly',
    status: 'PARTIAL_CANCELED',
    events: 2,
    lines: [
      [3, 1, 2000, 'SUCCESS'],
      [4, 1, 3000, 'CANCELED'],
    ],
  },
  { no: 3, orderId: 'order-open', status: 'NOT_STARTED', events: 0, lines: [[5, 3, 500, 'NOT_STARTED']] },
  { no: 4, orderId: 'order-refused', status: 'FAILURE', events: 0, lines: [[6, 1, 1000, 'FAILURE']] },
  { no: 5, orderId: 'order-canceled', status: 'CANCELED', events: 2, lines: [[7, 2, 2500, 'CANCELED']] },
];

export type Line = [
  walletNo: number,
  type: 'CREDIT' | 'DEBIT',
  amount: number,
  paymentOrderNo: number,
  orderId: string,
];
export const LEDGER: Line[] = [
  [1, 'CREDIT', 1000, 1, 'order-paid'],
  [2, 'CREDIT', 1500, 2, 'order-paid'],
  [1, 'CREDIT', 2000, 3, 'order-partly'],
  [1, 'CREDIT', 3000, 4, 'order-partly'],
  [2, 'CREDIT', 2500, 7, 'order-canceled'],
  [1, 'DEBIT', 3000, 4, 'order-partly'],
  [2, 'DEBIT', 2500, 7, 'order-canceled'],
];

const TABLES = [
  'payment_cancel_lines',
  'payment_cancels',
  'payment_events',
  'payment_orders',
  'payment_order_histories',
  'wallet_transactions',
  'settlements',
  'outbox',
  'inbox',
  'dead_letters',
  'ledger_checkpoints',
  'topic_checkpoints',
  'audit_checkpoints',
];

export const MOMENT = '2026-11-22 03:00:00.123';

export type Run = (sql: string, values?: unknown[]) => Promise<Record<string, unknown>[]>;

/** Writes ledger lines with their chain, and the wallets' heads. */
export async function writeLedger(run: Run, lines: readonly Line[]): Promise<void> {
  const heads = new Map([1, 2].map((no) => [no, { seq: 0, balance: 0, hash: '' }]));
  // Every settled event told something, be it nothing.
  const told = new Map<string, Told[]>(
    ORDERS.flatMap(({ orderId, events }) =>
      ['CREDIT', 'DEBIT'].slice(0, events).map((type): [string, Told[]] => [`${orderId}#${type}`, []]),
    ),
  );
  await run('DELETE FROM ledger_checkpoints');
  await run('DELETE FROM wallet_transactions');
  for (const [index, [walletNo, type, amount, reference, orderId]] of lines.entries()) {
    const head = heads.get(walletNo) ?? { seq: 0, balance: 0, hash: '' };
    const seq = head.seq + 1;
    const balance = head.balance + (type === 'CREDIT' ? amount : -amount);
    const key = `${type}:${index}:${reference}`;
    const columns = [
      walletNo,
      seq,
      type,
      `${amount}.00`,
      `${balance}.00`,
      'PAYMENT_ORDER',
      reference,
      orderId,
      'event',
      key,
      MOMENT,
    ];
    const hash = createHash('sha256')
      .update([head.hash, ...columns].join('|'))
      .digest('hex');
    await run(
      `INSERT INTO wallet_transactions (wallet_no, wallet_seq, type, amount, balance_after, reference_type,
         reference_id, order_id, event_id, idempotency_key, created_at, line_hash)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      [...columns, hash],
    );
    heads.set(walletNo, { seq, balance, hash });
    const entry = {
      sellerNo: walletNo,
      walletNo,
      paymentOrderNo: reference,
      amount: BigInt(amount),
      walletSeq: seq,
      lineHash: hash,
    };
    const event = `${orderId}#${type}`;
    told.set(event, [...(told.get(event) ?? []), entry]);
  }
  for (const [no, { seq, balance, hash }] of heads) {
    await run('UPDATE wallets SET balance = ?, last_seq = ?, last_hash = ? WHERE no = ?', [
      balance,
      seq,
      hash,
      no,
    ]);
  }
  for (const [event, entries] of told) await tell(run, event, entries);
}

/** Computes a wallet's chain anew from its lines as they stand now, up to its head: what a thorough forger does. */
export async function rechain(run: Run, walletNo: number): Promise<void> {
  const lines = await run(
    `SELECT no, wallet_seq, type, amount, balance_after, reference_type, reference_id, order_id, event_id,
       idempotency_key, CAST(created_at AS CHAR) AS created_at
     FROM wallet_transactions WHERE wallet_no = ? ORDER BY wallet_seq`,
    [walletNo],
  );
  let [hash, balance, seq] = ['', 0, 0];
  for (const { no, type, amount, ...rest } of lines) {
    seq += 1;
    balance += (type === 'CREDIT' ? 1 : -1) * Number(amount);
    const { reference_type, reference_id, order_id, event_id, idempotency_key, created_at } = rest;
    const columns = [hash, walletNo, seq, type, amount, `${balance}.00`, reference_type, reference_id];
    hash = createHash('sha256')
      .update([...columns, order_id, event_id, idempotency_key, created_at].join('|'))
      .digest('hex');
    await run(
      'UPDATE wallet_transactions SET wallet_seq = ?, balance_after = ?, line_hash = ? WHERE no = ?',
      [seq, balance, hash, no],
    );
  }
  await run('UPDATE wallets SET balance = ?, last_seq = ?, last_hash = ? WHERE no = ?', [
    balance,
    seq,
    hash,
    walletNo,
  ]);
}

type Told = PaymentSettled['entries'][number];

/** The wallet's event as it would have told of these lines, and that it was acknowledged. */
export async function tell(run: Run, event: string, entries: Told[]): Promise<void> {
  const [orderId = '', type] = event.split('#');
  const order = ORDERS.find((one) => one.orderId === orderId)?.no ?? orderId;
  const seq = type === 'CREDIT' ? 1 : 2;
  const common = { orderId, currency: 'KRW', settledAt: new Date(`${MOMENT.replace(' ', 'T')}Z`), entries };
  const payload =
    type === 'CREDIT'
      ? encode('wallet.PaymentSettled', common)
      : encode('wallet.CancellationSettled', { ...common, cancelId: `cancel-${order}` });
  const id = `wallet-${order}-${seq}`;
  await run(
    `INSERT INTO outbox (id, aggregate_type, aggregate_id, aggregate_seq, event_seq, event_type, idempotency_key,
       payload, created_at) VALUES (?, 'wallet', ?, ?, ?, 'x.Y', ?, ?, ?)
     ON DUPLICATE KEY UPDATE payload = VALUES(payload)`,
    [id, orderId, seq, seq, id, payload, MOMENT],
  );
  await run(
    `INSERT INTO inbox (consumer, event_id, topic, \`partition\`, \`offset\`, aggregate_id, event_seq, payload_hash,
       published_at, processed_at) VALUES ('payment-service', ?, 'wallet', 4, 99, ?, ?, '', ?, ?)
     ON DUPLICATE KEY UPDATE topic = topic`,
    [id, orderId, seq, MOMENT, MOMENT],
  );
}

async function writeCancel(
  run: Run,
  no: number,
  orderId: string,
  total: number,
  lines: Order['lines'],
): Promise<void> {
  const canceled = lines.filter(([, , , lineStatus]) => lineStatus === 'CANCELED');
  if (canceled.length === 0) return;
  const givenBack = canceled.reduce((sum, [, , amount]) => sum + amount, 0);
  await run(
    `INSERT INTO payment_cancels (no, id, payment_event_no, order_id, status, cancel_amount, refundable_amount,
       cancel_reason, transaction_key, canceled_at, event_seq)
     VALUES (?, ?, ?, ?, 'SUCCESS', ?, ?, 'x', ?, ?, 2)`,
    [no, `cancel-${no}`, no, orderId, givenBack, total, `transaction-${no}`, MOMENT],
  );
  for (const [lineNo] of canceled) {
    await run('INSERT INTO payment_cancel_lines (payment_cancel_no, payment_order_no) VALUES (?, ?)', [
      no,
      lineNo,
    ]);
  }
}

async function writeOrder(run: Run, { no, orderId, status, events, lines }: Order): Promise<void> {
  const total = lines.reduce((sum, [, , amount]) => sum + amount, 0);
  const paid = events > 0;
  await run(
    `INSERT INTO payment_events (no, member_no, order_id, order_name, total_amount, status, is_payment_done,
       is_wallet_done, payment_key, approved_at, psp_raw_data, last_event_seq, acknowledged_events, created_at,
       updated_at)
     VALUES (?, 1, ?, 'x', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    [
      no,
      orderId,
      total,
      status,
      paid,
      paid,
      paid ? `key-${no}` : null,
      paid ? MOMENT : null,
      paid ? JSON.stringify({ paymentKey: `key-${no}`, orderId, totalAmount: total, currency: 'KRW' }) : null,
      events,
      events,
      MOMENT,
      MOMENT,
    ],
  );
  for (const [lineNo, sellerNo, amount, lineStatus] of lines) {
    await run(
      `INSERT INTO payment_orders (no, payment_event_no, product_no, seller_no, order_id, amount, payment_order_status)
       VALUES (?, ?, 1, ?, ?, ?, ?)`,
      [lineNo, no, sellerNo, orderId, amount, lineStatus],
    );
  }
  await writeCancel(run, no, orderId, total, lines);
  for (let seq = 1; seq <= events; seq += 1) {
    for (const [topic, consumer] of [
      ['payment', 'wallet-service'],
      ['wallet', 'payment-service'],
    ]) {
      const id = `${topic}-${no}-${seq}`;
      await run(
        `INSERT INTO outbox (id, aggregate_type, aggregate_id, aggregate_seq, event_seq, event_type, idempotency_key,
           payload, created_at) VALUES (?, ?, ?, ?, ?, 'x.Y', ?, X'0000000007', ?)`,
        [id, topic, orderId, seq, seq, id, MOMENT],
      );
      await run(
        `INSERT INTO inbox (consumer, event_id, topic, \`partition\`, \`offset\`, aggregate_id, event_seq, payload_hash,
           published_at, processed_at) VALUES (?, ?, ?, 4, 99, ?, ?, '', ?, ?)`,
        [consumer, id, topic, orderId, seq, MOMENT, MOMENT],
      );
    }
  }
  if (paid)
    await run('INSERT INTO settlements (order_id, last_seq_in, last_seq_out) VALUES (?, ?, ?)', [
      orderId,
      events,
      events,
    ]);
}

/** Opens a database for the file, and makes the market anew before each test. */
export function useMarket() {
  let database: TestDatabase;
  const run: Run = (sql, values = []) => database.administer(sql, values);
  beforeAll(async () => {
    database = await openTestDatabase('ops');
    // Whoever tampers with the ledger as an administrator can remove its triggers, too.
    await run('DROP TRIGGER wallet_transactions_no_update');
    await run('DROP TRIGGER wallet_transactions_no_delete');
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    await run('SET FOREIGN_KEY_CHECKS = 0');
    for (const table of TABLES) await run(`DELETE FROM ${table}`);
    await run('SET FOREIGN_KEY_CHECKS = 1');
    await run('DELETE FROM wallets WHERE no > 2');
    for (const order of ORDERS) await writeOrder(run, order);
    await writeLedger(run, LEDGER);
  });
  return { run, database: () => database.db };
}
