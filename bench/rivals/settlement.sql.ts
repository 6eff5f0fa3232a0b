import { PAYMENT_SERVICE, WALLET_SERVICE } from '#contracts/topics';
import {
  datetime,
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

const LEDGER_COLUMNS = 11;

/** The ledger lines of the purchase, as values of rows; moves the wallets' heads and encodes the answer. */
function post(p: BarePurchase): unknown[] {
  const at = datetime(p.now);
  const entries: {
    sellerNo: number;
    walletNo: number;
    paymentOrderNo: number;
    amount: bigint;
    walletSeq: number;
    lineHash: string;
  }[] = [];
  const rows = p.lines.map(({ no, sellerNo, amount }) => {
    const head = p.wallets.get(sellerNo);
    if (head === undefined) throw new Error(`seller ${sellerNo} has no wallet`);
    head.balance += amount;
    head.lastSeq += 1;
    const key = `CREDIT:${no}`;
    const columns = [head.walletNo, head.lastSeq, 'CREDIT', money(amount), money(head.balance)];
    head.lastHash = sha256(
      [head.lastHash, ...columns, 'PAYMENT_ORDER', no, p.orderId, p.confirmedId, key, at].join('|'),
    );
    const { walletNo, lastSeq: walletSeq, lastHash: lineHash } = head;
    entries.push({ sellerNo, walletNo, paymentOrderNo: no, amount, walletSeq, lineHash });
    return [...columns, no, p.orderId, p.confirmedId, key, lineHash, at];
  });
  const value = { orderId: p.orderId, currency: 'KRW', settledAt: p.now, entries };
  p.settled = p.encode('wallet.PaymentSettled', value);
  return rows.flat();
}

/** What the wallet consumer sends for a batch of one event. */
export const settle: Step = {
  name: 'settle',
  packets: [
    [
      knownEvent(WALLET_SERVICE, (p) => p.confirmedId),
      {
        sql: `SELECT order_id, last_seq_in, last_seq_out FROM settlements FORCE INDEX (PRIMARY)
          WHERE order_id IN (?) ORDER BY order_id FOR UPDATE`,
        values: (p) => [p.orderId],
      },
      {
        sql: (p) => `SELECT s.no AS seller_no, w.no, w.balance, w.last_seq, w.last_hash, w.updated_at
          FROM sellers s FORCE INDEX (PRIMARY) LEFT JOIN wallets w ON w.seller_no = s.no
          WHERE s.no IN (${marks(sellersOf(p).length)}) ORDER BY s.no FOR UPDATE OF w`,
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
      deadLetters(WALLET_SERVICE),
      { sql: 'SELECT NOW(3) AS now', values: () => [] },
    ],
    [
      inbox(WALLET_SERVICE, 'payment', (p) => [p.confirmedId, p.confirmed]),
      {
        sql: (
          p,
        ) => `INSERT INTO wallet_transactions (wallet_no, wallet_seq, type, amount, balance_after, reference_id,
            order_id, event_id, idempotency_key, line_hash, created_at)
          VALUES ${marks(p.lines.length, `(${marks(LEDGER_COLUMNS)})`)}`,
        values: post,
      },
      {
        sql: (p) => `INSERT INTO wallets (no, seller_no, balance, last_seq, last_hash, updated_at)
          VALUES ${marks(p.wallets.size, '(?, ?, ?, ?, ?, ?)')} AS new
          ON DUPLICATE KEY UPDATE balance = new.balance, last_seq = new.last_seq, last_hash = new.last_hash,
            updated_at = new.updated_at, version = wallets.version + 1`,
        values: (p) =>
          [...p.wallets].flatMap(([sellerNo, { walletNo, balance, lastSeq, lastHash }]) => [
            walletNo,
            sellerNo,
            money(balance),
            lastSeq,
            lastHash,
            datetime(p.now),
          ]),
      },
      {
        sql: `INSERT INTO settlements (order_id, last_seq_in, last_seq_out) VALUES (?, 1, 1) AS new
          ON DUPLICATE KEY UPDATE last_seq_in = new.last_seq_in, last_seq_out = new.last_seq_out`,
        values: (p) => [p.orderId],
      },
      outbox((p) => {
        const name = 'wallet.PaymentSettled';
        return [p.settledId, 'wallet', p.orderId, 1, 1, name, `${name}:${p.orderId}:1`, p.settled, null];
      }),
    ],
  ],
};

/** What the worker sends for a batch of one event. */
export const acknowledge: Step = {
  name: 'acknowledge',
  packets: [
    [
      knownEvent(PAYMENT_SERVICE, (p) => p.settledId),
      {
        sql: `SELECT p.no, p.order_id, p.last_event_seq, p.acknowledged_events, o.no AS line_no, o.seller_no, o.amount
          FROM payment_events p FORCE INDEX (payment_events_order_id_key)
            STRAIGHT_JOIN payment_orders o ON o.payment_event_no = p.no
          WHERE p.order_id IN (?) ORDER BY p.order_id FOR UPDATE OF p`,
        values: (p) => [p.orderId],
      },
      deadLetters(PAYMENT_SERVICE),
      { sql: 'SELECT NOW(3) AS now', values: () => [] },
    ],
    [
      inbox(PAYMENT_SERVICE, 'wallet', (p) => [p.settledId, p.settled]),
      {
        sql: `UPDATE payment_events
          SET acknowledged_events = CASE no WHEN ? THEN 1 END, is_wallet_done = (acknowledged_events = last_event_seq)
          WHERE no IN (?)`,
        values: (p) => [p.paymentNo, p.paymentNo],
      },
    ],
  ],
};
