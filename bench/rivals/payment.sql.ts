import {
  datetime,
  encode,
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

/** What checkout sends. */
export const checkout: Step[] = [
  {
    name: 'find products',
    isPlain: true,
    statements: [
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
  },
  {
    name: 'checkout',
    statements: [
      {
        sql: `INSERT INTO payment_events (member_no, order_id, order_name, type, method, currency, total_amount, status,
            is_payment_done, is_wallet_done, attempt, check_requested, last_event_seq, acknowledged_events)
          VALUES (?, ?, ?, 'NORMAL', 'CARD', 'KRW', ?, 'NOT_STARTED', 0, 0, 0, 0, 0, 0)`,
        values: (p) => [1, p.orderId, `상품A 그외 ${p.lines.length - 1}건`, money(totalOf(p))],
        take: (result, p) => (p.paymentNo = Number(result.insertId)),
      },
      {
        sql: (p) => `INSERT INTO payment_orders (payment_event_no, product_no, seller_no, order_id, amount)
          VALUES ${marks(p.lines.length, '(?, ?, ?, ?, ?)')}`,
        values: (p) =>
          p.lines.flatMap((line) => [
            p.paymentNo,
            line.productNo,
            line.sellerNo,
            p.orderId,
            money(line.amount),
          ]),
      },
    ],
  },
];

/** What confirm sends: the claim, and the record of the outcome. */
export const confirm: Step[] = [
  {
    name: 'claim',
    statements: [
      {
        sql: `SELECT no, order_id, order_name, currency, total_amount, status, payment_key, approved_at, claim_token,
            attempt, failure_code, failure_message, last_event_seq, is_wallet_done
          FROM payment_events WHERE order_id = ? FOR UPDATE`,
        values: (p) => [p.orderId],
      },
      {
        sql: `UPDATE payment_events SET status = 'EXECUTING', payment_key = ?, claim_token = ?, claimed_at = NOW(3),
            attempt = attempt + 1, next_check_at = NULL, failure_code = NULL, failure_message = NULL
          WHERE no = ? AND status = 'NOT_STARTED' AND claim_token <=> ?`,
        values: (p) => [p.paymentKey, p.claimToken, p.paymentNo, null],
      },
      ...moveLines('NOT_STARTED', 'EXECUTING', 'PAYMENT_CONFIRMATION_START'),
    ],
  },
  {
    name: 'record',
    statements: [
      {
        sql: `UPDATE payment_events SET status = 'SUCCESS', is_payment_done = TRUE, approved_at = ?, psp_raw_data = ?,
            claim_token = NULL, next_check_at = NULL, check_requested = FALSE, last_event_seq = last_event_seq + 1
          WHERE no = ? AND status = 'EXECUTING' AND claim_token <=> ?`,
        values: (p) => [datetime(p.now), pspAnswer(p), p.paymentNo, p.claimToken],
      },
      ...moveLines('EXECUTING', 'SUCCESS', 'PAYMENT_CONFIRMATION_DONE'),
      {
        sql: `SELECT no, product_no, seller_no, amount, payment_order_status FROM payment_orders
          WHERE payment_event_no = ? ORDER BY no`,
        values: (p) => [p.paymentNo],
        take: (rows, p) => {
          p.lines = rows.map((row) => ({
            no: Number(row['no']),
            productNo: Number(row['product_no']),
            sellerNo: Number(row['seller_no']),
            amount: wonOf(row['amount']),
          }));
          const { orderId, paymentKey, now: approvedAt } = p;
          const lines = p.lines.map(({ no: paymentOrderNo, ...line }) => ({ paymentOrderNo, ...line }));
          const value = { orderId, paymentKey, currency: 'KRW', totalAmount: totalOf(p), approvedAt, lines };
          p.confirmed = encode('payment.PaymentConfirmed', value);
        },
      },
      outbox((p) => {
        const record = 'payment.PaymentConfirmed';
        return [
          p.confirmedId,
          'payment',
          p.orderId,
          1,
          1,
          record,
          `${record}:${p.orderId}`,
          p.confirmed,
          null,
        ];
      }),
    ],
  },
];
