import {
  datetime,
  marks,
  money,
  outbox,
  totalOf,
  wonOf,
  type BarePurchase,
  type Statement,
  type Step,
} from './statement';

/** As large as the PSP's answer. */
const pspAnswer = ({ orderId, paymentKey, lines }: BarePurchase): string =>
  JSON.stringify({ paymentKey, orderId, status: 'DONE', lines: lines.length, padding: 'x'.repeat(1_400) });

/** What checkout sends. */
export const checkout: Step = {
  name: 'checkout',
  packets: [
    [
      {
        sql: (p) =>
          `SELECT no, seller_no, name, price FROM products WHERE no IN (${marks(p.productNos.length)})`,
        values: (p) => [...p.productNos],
        take: (rows, p) => {
          const products = new Map(rows.map((row) => [Number(row['no']), row]));
          p.lines = p.productNos.map((productNo) => {
            const row = products.get(productNo);
            if (row === undefined) throw new Error(`no product ${productNo}`);
            return { no: 0, productNo, sellerNo: Number(row['seller_no']), amount: wonOf(row['price']) };
          });
        },
      },
    ],
    [
      {
        sql: `INSERT INTO payment_events (member_no, order_id, order_name, total_amount, checkout_key, checkout_body_hash)
          VALUES (?, ?, ?, ?, ?, ?)`,
        values: (p) => [1, p.orderId, `상품A 그외 ${p.lines.length - 1}건`, money(totalOf(p)), null, null],
        take: (result, p) => (p.paymentNo = Number(result.insertId)),
      },
      {
        sql: (p) => `INSERT INTO payment_orders (payment_event_no, product_no, seller_no, order_id, amount)
          VALUES ${marks(p.lines.length, '(LAST_INSERT_ID(), ?, ?, ?, ?)')}`,
        values: (p) =>
          p.lines.flatMap((line) => [line.productNo, line.sellerNo, p.orderId, money(line.amount)]),
      },
    ],
  ],
};

/** What the claim of a confirm sends. */
export const claim: Step = {
  name: 'claim',
  packets: [
    [
      {
        sql: `UPDATE payment_events SET status = 'EXECUTING', payment_key = ?, claim_token = ?, claimed_at = NOW(3),
            attempt = attempt + 1, next_check_at = NULL, failure_code = NULL, failure_message = NULL
          WHERE order_id = ? AND status = 'NOT_STARTED' AND total_amount = ?`,
        values: (p) => [p.paymentKey, p.claimToken, p.orderId, money(totalOf(p))],
      },
      {
        sql: `INSERT INTO payment_order_histories (payment_order_no, previous_status, new_status, changed_by, reason)
          SELECT o.no, o.payment_order_status, 'EXECUTING', 'confirm', 'PAYMENT_CONFIRMATION_START'
          FROM payment_events p JOIN payment_orders o ON o.payment_event_no = p.no
          WHERE p.order_id = ? AND p.claim_token = ?`,
        values: (p) => [p.orderId, p.claimToken],
      },
      {
        sql: `UPDATE payment_events p JOIN payment_orders o ON o.payment_event_no = p.no
          SET o.payment_order_status = 'EXECUTING' WHERE p.order_id = ? AND p.claim_token = ?`,
        values: (p) => [p.orderId, p.claimToken],
      },
      {
        sql: `SELECT p.no, p.order_id, p.order_name, p.currency, p.total_amount, p.status, p.payment_key, p.approved_at,
            p.claim_token, p.attempt, p.failure_code, p.failure_message, p.last_event_seq, p.is_wallet_done,
            o.no AS line_no, o.product_no, o.seller_no, o.amount AS line_amount, o.payment_order_status
          FROM payment_events p JOIN payment_orders o ON o.payment_event_no = p.no
          WHERE p.order_id = ? AND p.claim_token = ? ORDER BY o.no`,
        values: (p) => [p.orderId, p.claimToken],
        take: (rows, p) => {
          p.lines = rows.map((row) => ({
            no: Number(row['line_no']),
            productNo: Number(row['product_no']),
            sellerNo: Number(row['seller_no']),
            amount: wonOf(row['line_amount']),
          }));
          const { orderId, paymentKey, now: approvedAt } = p;
          const lines = p.lines.map(({ no: paymentOrderNo, ...line }) => ({ paymentOrderNo, ...line }));
          const value = { orderId, paymentKey, currency: 'KRW', totalAmount: totalOf(p), approvedAt, lines };
          p.confirmed = p.encode('payment.PaymentConfirmed', value);
        },
      },
    ],
  ],
};

const moveLines = (from: string, to: string, reason: string): Statement[] => [
  {
    sql: `INSERT INTO payment_order_histories (payment_order_no, previous_status, new_status, changed_by, reason)
      SELECT no, payment_order_status, ?, ?, ? FROM payment_orders
      WHERE payment_event_no = ? AND payment_order_status = ?`,
    values: (p) => [to, 'confirm', reason, p.paymentNo, from],
  },
  {
    sql: `UPDATE payment_orders SET payment_order_status = ?
      WHERE payment_event_no = ? AND payment_order_status = ?`,
    values: (p) => [to, p.paymentNo, from],
  },
];

/** What the record of a confirm sends, `events` last. */
export const recordWith = (events: readonly Statement[]): Step => ({
  name: 'record',
  packets: [
    [
      {
        sql: `UPDATE payment_events SET status = 'SUCCESS', is_payment_done = TRUE, approved_at = ?, psp_raw_data = ?,
            claim_token = NULL, next_check_at = NULL, check_requested = FALSE, last_event_seq = last_event_seq + 1
          WHERE no = ? AND status = 'EXECUTING' AND claim_token <=> ?`,
        values: (p) => [datetime(p.now), pspAnswer(p), p.paymentNo, p.claimToken],
      },
      ...moveLines('EXECUTING', 'SUCCESS', 'PAYMENT_CONFIRMATION_DONE'),
      ...events,
    ],
  ],
});

/** The event of a confirm, as a row of `table`. */
export const confirmedInto = (table: string): Statement =>
  outbox((p) => {
    const name = 'payment.PaymentConfirmed';
    return [p.confirmedId, 'payment', p.orderId, 1, 1, name, `${name}:${p.orderId}`, p.confirmed, null];
  }, table);

export const record = recordWith([confirmedInto('outbox')]);
