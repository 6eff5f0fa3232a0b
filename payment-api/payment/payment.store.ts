import { sumWon, wonFromText, wonToDecimalText, type Won } from '#kit/money';
import { Prisma, type Reader, type Tx } from '#prisma/database';
import type {
  ChangedBy,
  ClaimedPayment,
  Payment,
  PaymentLine,
  PaymentLineStatus,
  PaymentStatus,
} from './payment';
import { assertMove, lineMove } from './states';

interface PaymentRow {
  no: bigint;
  order_id: string;
  order_name: string;
  currency: string;
  total_amount: string;
  status: PaymentStatus;
  payment_key: string | null;
  approved_at: Date | null;
  claim_token: string | null;
  attempt: number;
  failure_code: string | null;
  failure_message: string | null;
  last_event_seq: number;
  is_wallet_done: number;
}

const PAYMENT_COLUMNS = Prisma.sql`p.no, p.order_id, p.order_name, p.currency, p.total_amount, p.status, p.payment_key,
  p.approved_at, p.claim_token, p.attempt, p.failure_code, p.failure_message, p.last_event_seq, p.is_wallet_done`;

function paymentOf(row: PaymentRow): Payment {
  return {
    no: row.no,
    orderId: row.order_id,
    orderName: row.order_name,
    currency: row.currency,
    totalAmount: wonFromText(row.total_amount),
    status: row.status,
    paymentKey: row.payment_key,
    approvedAt: row.approved_at,
    claimToken: row.claim_token,
    attempt: row.attempt,
    failure:
      row.failure_code === null
        ? null
        : { code: row.failure_code, message: row.failure_message ?? row.failure_code },
    lastEventSeq: row.last_event_seq,
    isWalletDone: row.is_wallet_done === 1,
  };
}

export async function findPayment(db: Reader, orderId: string): Promise<Payment | undefined> {
  const rows = await db.query<PaymentRow>`
    SELECT ${PAYMENT_COLUMNS} FROM payment_events p WHERE p.order_id = ${orderId}`;
  return rows[0] && paymentOf(rows[0]);
}

/** The row's lock serialises everything that happens to one payment. */
export async function lockPayment(tx: Tx, orderId: string): Promise<Payment | undefined> {
  const rows = await tx.query<PaymentRow>`
    SELECT ${PAYMENT_COLUMNS} FROM payment_events p WHERE p.order_id = ${orderId} FOR UPDATE`;
  return rows[0] && paymentOf(rows[0]);
}

interface LineRow {
  line_no: bigint;
  product_no: bigint;
  seller_no: bigint;
  line_amount: string;
  payment_order_status: PaymentLineStatus;
}

const LINE_COLUMNS = Prisma.sql`o.no AS line_no, o.product_no, o.seller_no, o.amount AS line_amount, o.payment_order_status`;

/** @throws Error when the lines do not sum to the payment's total: the rows were tampered with */
function linesFrom(payment: Payment, rows: readonly LineRow[]): PaymentLine[] {
  const lines = rows.map((row) => ({
    no: row.line_no,
    productNo: row.product_no,
    sellerNo: row.seller_no,
    amount: wonFromText(row.line_amount),
    status: row.payment_order_status,
  }));
  const sum = sumWon(lines.map((line) => line.amount));
  if (sum !== payment.totalAmount) {
    throw new Error(`order ${payment.orderId}: lines sum to ${sum}, the payment says ${payment.totalAmount}`);
  }
  return lines;
}

/** @throws Error when the lines do not sum to the payment's total: the rows were tampered with */
export async function linesOf(db: Reader, payment: Payment): Promise<PaymentLine[]> {
  const rows = await db.query<LineRow>`
    SELECT ${LINE_COLUMNS} FROM payment_orders o WHERE o.payment_event_no = ${payment.no} ORDER BY o.no`;
  return linesFrom(payment, rows);
}

/** The claim is another process's by now, or the payment has moved on: nothing of the transaction may stay. */
export class ClaimLostError extends Error {
  override readonly name = 'ClaimLostError';
}

export interface Claim {
  orderId: string;
  paymentKey: string;
  amount: Won;
  token: string;
}

/**
 * NOT_STARTED → EXECUTING under a fresh token, committed in the same packet. All that follows the first update is guarded by
 * that token, so it changes nothing where the payment could not be claimed.
 *
 * @returns the claimed payment with its lines; `undefined` when the order does not exist, has another amount or status, or
 *   its lines do not sum to its amount
 * @throws LostCommitError; a duplicate-key error when the payment key belongs to another order
 */
export async function claimPayment(
  tx: Tx,
  { orderId, paymentKey, amount, token }: Claim,
): Promise<ClaimedPayment | undefined> {
  assertMove('NOT_STARTED', 'EXECUTING', 'confirm');
  const line = lineMove('NOT_STARTED', 'EXECUTING');
  const [, , , rows] = await Promise.all([
    tx.execute`
      UPDATE payment_events
      SET status = 'EXECUTING', payment_key = ${paymentKey}, claim_token = ${token}, claimed_at = NOW(3),
        attempt = attempt + 1, next_check_at = NULL, failure_code = NULL, failure_message = NULL
      WHERE order_id = ${orderId} AND status = 'NOT_STARTED' AND total_amount = ${wonToDecimalText(amount)}
        AND total_amount = (SELECT SUM(o.amount) FROM payment_orders o WHERE o.payment_event_no = payment_events.no)`,
    tx.execute`
      INSERT INTO payment_order_histories (payment_order_no, previous_status, new_status, changed_by, reason)
      SELECT o.no, o.payment_order_status, ${line.to}, 'confirm', 'PAYMENT_CONFIRMATION_START'
      FROM payment_events p JOIN payment_orders o ON o.payment_event_no = p.no
      WHERE p.order_id = ${orderId} AND p.claim_token = ${token}`,
    tx.execute`
      UPDATE payment_events p JOIN payment_orders o ON o.payment_event_no = p.no
      SET o.payment_order_status = ${line.to}
      WHERE p.order_id = ${orderId} AND p.claim_token = ${token}`,
    tx.query<PaymentRow & LineRow>`
      SELECT ${PAYMENT_COLUMNS}, ${LINE_COLUMNS}
      FROM payment_events p JOIN payment_orders o ON o.payment_event_no = p.no
      WHERE p.order_id = ${orderId} AND p.claim_token = ${token} ORDER BY o.no`,
    tx.commit(),
  ]);
  const [first] = rows;
  if (first === undefined) return undefined;
  const payment = paymentOf(first);
  return { ...payment, lines: linesFrom(payment, rows) };
}

export interface Move {
  to: PaymentStatus;
  changedBy: ChangedBy;
  /** Why, in words an operator can read; goes into every history row. */
  reason: string;
  /** What else changes with the status. */
  set?: Prisma.Sql;
  /** The lines that move; all of them by default. */
  lines?: readonly PaymentLine[];
}

const REASON_CHARACTERS_MAX = 500;

/**
 * Moves a payment and its lines from the status that `payment` has, with a history row for each line, in one packet.
 *
 * The write is fenced: it holds only while the row still has that status and that claim token. A process that was
 * stopped for a while cannot overwrite what others have decided since.
 *
 * @throws ClaimLostError when the row has moved on: the transaction is rolled back
 * @throws Error when a line does not have the status that belongs to its payment's: the rows were tampered with
 */
export async function movePayment(
  tx: Tx,
  payment: Payment,
  { to, changedBy, reason, set, lines }: Move,
): Promise<void> {
  assertMove(payment.status, to, changedBy);
  const line = lineMove(payment.status, to);
  const chosen =
    lines === undefined
      ? Prisma.sql`payment_event_no = ${payment.no}`
      : Prisma.sql`payment_event_no = ${payment.no} AND no IN (${Prisma.join(lines.map(({ no }) => no))})`;
  const [, , written] = await Promise.all([
    tx.execute`
      UPDATE payment_events SET status = ${to}${set === undefined ? Prisma.empty : Prisma.sql`, ${set}`}
      WHERE no = ${payment.no} AND status = ${payment.status} AND claim_token <=> ${payment.claimToken}`,
    tx.require(
      Prisma.sql`ROW_COUNT() = 1`,
      () => new ClaimLostError(`order ${payment.orderId} has moved on from ${payment.status}`),
    ),
    tx.execute`
      INSERT INTO payment_order_histories (payment_order_no, previous_status, new_status, changed_by, reason)
      SELECT no, payment_order_status, ${line.to}, ${changedBy}, ${reason.slice(0, REASON_CHARACTERS_MAX)}
      FROM payment_orders WHERE ${chosen} AND payment_order_status = ${line.from}`,
    tx.execute`
      UPDATE payment_orders SET payment_order_status = ${line.to}
      WHERE ${chosen} AND payment_order_status = ${line.from}`,
  ]);
  if (lines !== undefined && written !== lines.length)
    throw new Error(`order ${payment.orderId}: ${written} of ${lines.length} lines were ${line.from}`);
}

/**
 * A fenced write that leaves the status where it is.
 *
 * @throws ClaimLostError when the row has moved on
 */
export async function touchPayment(tx: Tx, payment: Payment, set: Prisma.Sql): Promise<void> {
  const touched = await tx.execute`
    UPDATE payment_events SET ${set}, updated_at = NOW(3)
    WHERE no = ${payment.no} AND status = ${payment.status} AND claim_token <=> ${payment.claimToken}`;
  if (touched === 0) throw new ClaimLostError(`order ${payment.orderId} has moved on from ${payment.status}`);
}
