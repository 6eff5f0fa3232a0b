import { wonFromText, sumWon } from '#kit/money';
import { Prisma, type Reader, type Tx } from '#prisma/database';
import type { ChangedBy, Payment, PaymentLine, PaymentLineStatus, PaymentStatus } from './payment';
import { assertMove, lineMove } from './states';

interface PaymentRow {
  no: bigint;
  order_id: string;
  order_name: string;
  currency: string;
  total_amount: Prisma.Decimal;
  status: PaymentStatus;
  payment_key: string | null;
  approved_at: Date | null;
  claim_token: string | null;
  attempt: number;
  failure_code: string | null;
  failure_message: string | null;
  last_event_seq: number;
  is_wallet_done: bigint | number | boolean;
}

const COLUMNS = Prisma.sql`no, order_id, order_name, currency, total_amount, status, payment_key, approved_at,
  claim_token, attempt, failure_code, failure_message, last_event_seq, is_wallet_done`;

function paymentOf(row: PaymentRow): Payment {
  return {
    no: row.no,
    orderId: row.order_id,
    orderName: row.order_name,
    currency: row.currency,
    totalAmount: wonFromText(row.total_amount.toFixed(2)),
    status: row.status,
    paymentKey: row.payment_key,
    approvedAt: row.approved_at,
    claimToken: row.claim_token,
    attempt: Number(row.attempt),
    failure:
      row.failure_code === null
        ? null
        : { code: row.failure_code, message: row.failure_message ?? row.failure_code },
    lastEventSeq: Number(row.last_event_seq),
    isWalletDone: Boolean(Number(row.is_wallet_done)),
  };
}

export async function findPayment(db: Reader, orderId: string): Promise<Payment | undefined> {
  const rows = await db.$queryRaw<
    PaymentRow[]
  >`SELECT ${COLUMNS} FROM payment_events WHERE order_id = ${orderId}`;
  return rows[0] && paymentOf(rows[0]);
}

/** The row's lock serialises everything that happens to one payment. */
export async function lockPayment(tx: Tx, orderId: string): Promise<Payment | undefined> {
  const rows = await tx.$queryRaw<PaymentRow[]>`
    SELECT ${COLUMNS} FROM payment_events WHERE order_id = ${orderId} FOR UPDATE`;
  return rows[0] && paymentOf(rows[0]);
}

interface LineRow {
  no: bigint;
  product_no: bigint;
  seller_no: bigint;
  amount: Prisma.Decimal;
  payment_order_status: PaymentLineStatus;
}

/** @throws Error when the lines do not sum to the payment's total: the rows were tampered with */
export async function linesOf(db: Reader, payment: Payment): Promise<PaymentLine[]> {
  const rows = await db.$queryRaw<LineRow[]>`
    SELECT no, product_no, seller_no, amount, payment_order_status FROM payment_orders
    WHERE payment_event_no = ${payment.no} ORDER BY no`;
  const lines = rows.map((row) => ({
    no: row.no,
    productNo: row.product_no,
    sellerNo: row.seller_no,
    amount: wonFromText(row.amount.toFixed(2)),
    status: row.payment_order_status,
  }));
  const sum = sumWon(lines.map((line) => line.amount));
  if (sum !== payment.totalAmount) {
    throw new Error(`order ${payment.orderId}: lines sum to ${sum}, the payment says ${payment.totalAmount}`);
  }
  return lines;
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
 * Moves a payment and its lines from the status that `payment` has, with a history row for each line.
 *
 * The write is fenced: it happens only while the row still has that status and that claim token. A process that was
 * stopped for a while cannot overwrite what others have decided since.
 *
 * @returns false when the row has moved on: read it again
 * @throws Error when a line does not stand where its payment does: the rows were tampered with
 */
export async function movePayment(
  tx: Tx,
  payment: Payment,
  { to, changedBy, reason, set, lines }: Move,
): Promise<boolean> {
  assertMove(payment.status, to, changedBy);
  const moved = await tx.$executeRaw`
    UPDATE payment_events SET status = ${to}${set === undefined ? Prisma.empty : Prisma.sql`, ${set}`}
    WHERE no = ${payment.no} AND status = ${payment.status} AND claim_token <=> ${payment.claimToken}`;
  if (moved === 0) return false;
  const line = lineMove(payment.status, to);
  const chosen =
    lines === undefined
      ? Prisma.sql`payment_event_no = ${payment.no}`
      : Prisma.sql`payment_event_no = ${payment.no} AND no IN (${Prisma.join(lines.map(({ no }) => no))})`;
  const written = await tx.$executeRaw`
    INSERT INTO payment_order_histories (payment_order_no, previous_status, new_status, changed_by, reason)
    SELECT no, payment_order_status, ${line.to}, ${changedBy}, ${reason.slice(0, REASON_CHARACTERS_MAX)}
    FROM payment_orders WHERE ${chosen} AND payment_order_status = ${line.from}`;
  await tx.$executeRaw`
    UPDATE payment_orders SET payment_order_status = ${line.to} WHERE ${chosen} AND payment_order_status = ${line.from}`;
  if (lines !== undefined && written !== lines.length)
    throw new Error(`order ${payment.orderId}: ${written} of ${lines.length} lines were ${line.from}`);
  return true;
}

/** Rows changed: a fenced write that leaves the status where it is. @returns false when the row has moved on */
export async function touchPayment(tx: Tx, payment: Payment, set: Prisma.Sql): Promise<boolean> {
  const touched = await tx.$executeRaw`
    UPDATE payment_events SET ${set}, updated_at = NOW(3)
    WHERE no = ${payment.no} AND status = ${payment.status} AND claim_token <=> ${payment.claimToken}`;
  return touched === 1;
}

/** Counts a further attempt before its call, so that its idempotency key is never used for another. */
export async function countAttempt(tx: Tx, payment: Payment): Promise<boolean> {
  const counted = await tx.$executeRaw`
    UPDATE payment_events SET attempt = attempt + 1
    WHERE no = ${payment.no} AND status = 'EXECUTING' AND claim_token = ${payment.claimToken}`;
  return counted === 1;
}
