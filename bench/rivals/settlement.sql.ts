import { PAYMENT_SERVICE, WALLET_SERVICE } from '#contracts/topics';
import {
  datetime,
  encode,
  marks,
  money,
  outbox,
  sellersOf,
  sha256,
  wonOf,
  type BarePurchase,
  type Statement,
  type Step,
} from './statement';

const knownEvent = (consumer: string, idOf: (p: BarePurchase) => string): Statement => ({
  sql: 'SELECT event_id, payload_hash FROM inbox WHERE consumer = ? AND event_id IN (?)',
  values: (p) => [consumer, idOf(p)],
});

const deadLetters = (consumer: string): Statement => ({
  sql: `SELECT id, aggregate_id, event_seq, status, closed_from_seq, closed_to_seq FROM dead_letters
    WHERE consumer = ? AND aggregate_id IN (?) ORDER BY no`,
  values: (p) => [consumer, p.orderId],
});

const inbox = (
  consumer: string,
  topic: string,
  eventOf: (p: BarePurchase) => [string, Buffer],
): Statement => ({
  sql: `INSERT INTO inbox (consumer, event_id, topic, \`partition\`, \`offset\`, aggregate_id, event_seq, payload_hash,
      applied, published_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  values: (p) => {
    const [eventId, payload] = eventOf(p);
    return [consumer, eventId, topic, 0, p.paymentNo, p.orderId, 1, sha256(payload), true, datetime(p.now)];
  },
});

/** The ledger lines of the purchase; moves the wallets' heads and encodes the answer. */
function book(p: BarePurchase): object[] {
  const at = datetime(p.now);
  const rows = p.lines.map(({ no, sellerNo, amount }) => {
    const head = p.wallets.get(sellerNo);
    if (head === undefined)
      throw new Error(`seller ${sellerNo} has no wallet: choose products of sellers 1 and 2`);
    head.balance += amount;
    head.lastSeq += 1;
    const key = `CREDIT:${no}`;
    const columns = [
      head.lastHash,
      head.walletNo,
      head.lastSeq,
      'CREDIT',
      money(amount),
      money(head.balance),
    ];
    head.lastHash = sha256([...columns, 'PAYMENT_ORDER', no, p.orderId, p.confirmedId, key, at].join('|'));
    return {
      walletNo: head.walletNo,
      walletSeq: head.lastSeq,
      type: 'CREDIT',
      amount: money(amount),
      balanceAfter: money(head.balance),
      paymentOrderNo: no,
      orderId: p.orderId,
      eventId: p.confirmedId,
      idempotencyKey: key,
      createdAt: at,
      lineHash: head.lastHash,
    };
  });
  const entries = rows.map((row, index) => ({
    sellerNo: p.lines[index]?.sellerNo ?? 0,
    walletNo: row.walletNo,
    paymentOrderNo: row.paymentOrderNo,
    amount: p.lines[index]?.amount ?? 0n,
    walletSeq: row.walletSeq,
    lineHash: row.lineHash,
  }));
  const value = { orderId: p.orderId, currency: 'KRW', settledAt: p.now, entries };
  p.settled = encode('wallet.PaymentSettled', value);
  return rows;
}

/** What the wallet consumer sends for a batch of one event. */
export const settle: Step = {
  name: 'settle',
  statements: [
    knownEvent(WALLET_SERVICE, (p) => p.confirmedId),
    {
      sql: `SELECT order_id, last_seq_in, last_seq_out FROM settlements FORCE INDEX (PRIMARY)
        WHERE order_id IN (?) ORDER BY order_id FOR UPDATE`,
      values: (p) => [p.orderId],
    },
    deadLetters(WALLET_SERVICE),
    {
      sql: (p) => `SELECT sellers.no AS seller_no, wallets.no AS wallet_no
        FROM sellers LEFT JOIN wallets ON wallets.seller_no = sellers.no
        WHERE sellers.no IN (${marks(sellersOf(p).length)})`,
      values: sellersOf,
    },
    inbox(WALLET_SERVICE, 'payment', (p) => [p.confirmedId, p.confirmed]),
    {
      sql: (p) => `SELECT no, seller_no, balance, last_seq, last_hash, updated_at
        FROM wallets FORCE INDEX (wallets_seller_no_key)
        WHERE seller_no IN (${marks(sellersOf(p).length)}) ORDER BY seller_no FOR UPDATE`,
      values: sellersOf,
      take: (rows, p) => {
        p.wallets = new Map(
          rows.map((row) => [
            Number(row['seller_no']),
            {
              walletNo: Number(row['no']),
              balance: wonOf(row['balance']),
              lastSeq: Number(row['last_seq']),
              lastHash: String(row['last_hash']),
            },
          ]),
        );
      },
    },
    { sql: 'SELECT NOW(3) AS now', values: () => [] },
    {
      sql: `INSERT INTO wallet_transactions (wallet_no, wallet_seq, type, amount, balance_after, reference_id, order_id,
          event_id, idempotency_key, line_hash, created_at)
        SELECT wallet_no, wallet_seq, type, amount, balance_after, reference_id, order_id, event_id, idempotency_key,
          line_hash, created_at
        FROM JSON_TABLE(?, '$[*]' COLUMNS (
          wallet_no BIGINT PATH '$.walletNo', wallet_seq BIGINT PATH '$.walletSeq', type VARCHAR(6) PATH '$.type',
          amount DECIMAL(15, 2) PATH '$.amount', balance_after DECIMAL(15, 2) PATH '$.balanceAfter',
          reference_id BIGINT PATH '$.paymentOrderNo', order_id VARCHAR(64) PATH '$.orderId',
          event_id VARCHAR(300) PATH '$.eventId', idempotency_key VARCHAR(300) PATH '$.idempotencyKey',
          line_hash CHAR(64) PATH '$.lineHash', created_at DATETIME(3) PATH '$.createdAt')) AS new`,
      values: (p) => [JSON.stringify(book(p))],
    },
    {
      sql: `UPDATE JSON_TABLE(?, '$[*]' COLUMNS (
          no BIGINT PATH '$.walletNo', balance DECIMAL(15, 2) PATH '$.balance', last_seq BIGINT PATH '$.lastSeq',
          last_hash CHAR(64) PATH '$.lastHash', last_at DATETIME(3) PATH '$.lastAt')) AS new
        STRAIGHT_JOIN wallets ON wallets.no = new.no
        SET wallets.balance = new.balance, wallets.last_seq = new.last_seq, wallets.last_hash = new.last_hash,
          wallets.updated_at = new.last_at, wallets.version = wallets.version + 1`,
      values: (p) => [
        JSON.stringify(
          [...p.wallets.values()].map((head) => ({
            ...head,
            balance: money(head.balance),
            lastAt: datetime(p.now),
          })),
        ),
      ],
    },
    {
      sql: `INSERT INTO settlements (order_id, last_seq_in, last_seq_out) VALUES (?, 1, 1) AS new
        ON DUPLICATE KEY UPDATE last_seq_in = new.last_seq_in, last_seq_out = new.last_seq_out`,
      values: (p) => [p.orderId],
    },
    outbox((p) => {
      const record = 'wallet.PaymentSettled';
      return [p.settledId, 'wallet', p.orderId, 1, 1, record, `${record}:${p.orderId}:1`, p.settled, null];
    }),
  ],
};

/** What the worker sends for a batch of one event. */
export const acknowledge: Step = {
  name: 'acknowledge',
  statements: [
    knownEvent(PAYMENT_SERVICE, (p) => p.settledId),
    {
      sql: `SELECT p.no, p.last_event_seq, p.acknowledged_events, o.no AS line_no, o.seller_no, o.amount
        FROM payment_events p JOIN payment_orders o ON o.payment_event_no = p.no
        WHERE p.order_id = ? FOR UPDATE OF p`,
      values: (p) => [p.orderId],
    },
    {
      sql: `SELECT c.id, l.payment_order_no AS line_no
        FROM payment_cancels c JOIN payment_cancel_lines l ON l.payment_cancel_no = c.no
        WHERE c.payment_event_no = ? AND c.status = 'SUCCESS'`,
      values: (p) => [p.paymentNo],
    },
    deadLetters(PAYMENT_SERVICE),
    {
      sql: `SELECT aggregate_id, event_seq, payload_hash FROM inbox
        WHERE consumer = ? AND aggregate_id IN (?) AND event_seq IS NOT NULL AND applied`,
      values: (p) => [PAYMENT_SERVICE, p.orderId],
    },
    inbox(PAYMENT_SERVICE, 'wallet', (p) => [p.settledId, p.settled]),
    {
      sql: `UPDATE payment_events
        SET acknowledged_events = ?, is_wallet_done = (acknowledged_events = last_event_seq) WHERE no = ?`,
      values: (p) => [1, p.paymentNo],
    },
  ],
};
