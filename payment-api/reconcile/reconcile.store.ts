import { wonFromText } from '#kit/money';
import { Prisma, type Reader, type Tx } from '#prisma/database';
import type { CancelStatus, Payment, PaymentStatus } from '../payment/payment';
import { lockPayment, movePayment } from '../payment/payment.store';
import type { TakenOver } from '../payment/recover-payment';
import { holdCancel, holdPayment, milliseconds } from '../payment/recovery.store';
import type { KstDay } from './kst-day.rules';
import type { OurCancel, OurPayment } from './reconcile.rules';

/** The present moment by the database's clock, which all of our times are of. */
export async function databaseNow(db: Reader): Promise<Date> {
  const [row] = await db.query<{ now: Date }>`SELECT NOW(3) AS now`;
  if (row === undefined) throw new Error('a SELECT without a row');
  return row.now;
}

/** Every payment that has something of the day: an approval, a cancel, or a claim or cancel that is still open. */
export async function paymentNosOfDay(db: Reader, { start, end }: KstDay): Promise<bigint[]> {
  const rows = await db.query<{ no: bigint }>`
    SELECT no FROM payment_events
    WHERE is_wallet_done IN (FALSE, TRUE) AND approved_at >= ${start} AND approved_at < ${end}
    UNION
    SELECT no FROM payment_events
    WHERE status IN ('EXECUTING', 'UNKNOWN') AND claimed_at >= ${start} AND claimed_at < ${end}
    UNION
    SELECT payment_event_no FROM payment_cancels WHERE canceled_at >= ${start} AND canceled_at < ${end}
    UNION
    SELECT payment_event_no FROM payment_cancels
    WHERE status IN ('REQUESTED', 'EXECUTING', 'UNKNOWN') AND created_at >= ${start} AND created_at < ${end}`;
  return rows.map(({ no }) => no);
}

interface PaymentRow {
  no: bigint;
  order_id: string;
  payment_key: string | null;
  status: PaymentStatus;
  currency: string;
  total_amount: string;
  approved_at: Date | null;
  claimed_at: Date | null;
  failure_code: string | null;
}

const PAYMENT_COLUMNS = Prisma.sql`no, order_id, payment_key, status, currency, total_amount, approved_at, claimed_at,
  failure_code`;

/** Our payments of these orders, without the ledger. */
export async function paymentsOfOrders(db: Reader, orderIds: readonly string[]): Promise<OurPayment[]> {
  if (orderIds.length === 0) return [];
  const rows = await db.query<PaymentRow>`
    SELECT ${PAYMENT_COLUMNS} FROM payment_events WHERE order_id IN (${Prisma.join(orderIds)})`;
  return withCancels(db, rows, new Map());
}

/** Our payments with these numbers, and what the sellers' ledger has of each. */
export async function paymentsWithLedger(db: Reader, nos: readonly bigint[]): Promise<OurPayment[]> {
  if (nos.length === 0) return [];
  const rows = await db.query<PaymentRow>`
    SELECT ${PAYMENT_COLUMNS} FROM payment_events WHERE no IN (${Prisma.join(nos)}) ORDER BY no`;
  return withCancels(
    db,
    rows,
    await ledgerOf(
      db,
      rows.map((row) => row.order_id),
    ),
  );
}

interface LedgerSums {
  credited: bigint;
  debited: bigint;
  lastEventAt: Date | null;
}
const NO_LEDGER: LedgerSums = { credited: 0n, debited: 0n, lastEventAt: null };

async function ledgerOf(db: Reader, orderIds: readonly string[]): Promise<Map<string, LedgerSums>> {
  if (orderIds.length === 0) return new Map();
  const orders = Prisma.join(orderIds);
  // Summed here: with GROUP BY the server reads the whole index instead of these orders.
  const lines = await db.query<{ order_id: string; type: 'CREDIT' | 'DEBIT'; amount: string }>`
    SELECT order_id, type, amount FROM wallet_transactions WHERE order_id IN (${orders})`;
  const events = await db.query<{ order_id: string; created_at: Date }>`
    SELECT aggregate_id AS order_id, created_at FROM outbox
    WHERE aggregate_type = 'payment' AND aggregate_id IN (${orders})`;
  const found = new Map<string, LedgerSums>(orderIds.map((orderId) => [orderId, { ...NO_LEDGER }]));
  for (const { order_id, type, amount } of lines) {
    const sums = found.get(order_id);
    if (sums === undefined) continue;
    sums[type === 'CREDIT' ? 'credited' : 'debited'] += wonFromText(amount);
  }
  for (const { order_id, created_at } of events) {
    const sums = found.get(order_id);
    if (sums !== undefined && (sums.lastEventAt === null || created_at > sums.lastEventAt))
      sums.lastEventAt = created_at;
  }
  return found;
}

interface CancelRow {
  payment_event_no: bigint;
  id: string;
  status: CancelStatus;
  cancel_amount: string;
  transaction_key: string | null;
  canceled_at: Date | null;
  created_at: Date;
}

async function withCancels(
  db: Reader,
  rows: readonly PaymentRow[],
  ledger: ReadonlyMap<string, LedgerSums>,
): Promise<OurPayment[]> {
  if (rows.length === 0) return [];
  const cancelRows = await db.query<CancelRow>`
    SELECT payment_event_no, id, status, cancel_amount, transaction_key, canceled_at, created_at
    FROM payment_cancels WHERE payment_event_no IN (${Prisma.join(rows.map(({ no }) => no))}) ORDER BY no`;
  const cancels = new Map<bigint, OurCancel[]>();
  for (const row of cancelRows) {
    const before = cancels.get(row.payment_event_no);
    if (before === undefined) cancels.set(row.payment_event_no, [cancelOf(row)]);
    else before.push(cancelOf(row));
  }
  return rows.map((row) => ({
    no: row.no,
    orderId: row.order_id,
    paymentKey: row.payment_key,
    status: row.status,
    currency: row.currency,
    totalAmount: wonFromText(row.total_amount),
    approvedAt: row.approved_at,
    claimedAt: row.claimed_at,
    failureCode: row.failure_code,
    cancels: cancels.get(row.no) ?? [],
    ...(ledger.get(row.order_id) ?? NO_LEDGER),
  }));
}

const cancelOf = (row: CancelRow): OurCancel => ({
  cancelId: row.id,
  status: row.status,
  amount: wonFromText(row.cancel_amount),
  transactionKey: row.transaction_key,
  canceledAt: row.canceled_at,
  createdAt: row.created_at,
});

/** `busy`: another process has it, or its lease has not ended; `nothing`: there is nothing to take over. */
export type Hold = TakenOver | 'busy' | 'nothing';

/**
 * Takes an order over for a repair, as recovery would when it is due: first a cancel of ours that is still open, then
 * the payment. What another process holds is left to it.
 *
 * @param paymentKey under which the PSP has been paid: an order without a claim takes it
 */
export async function holdOrder(
  tx: Tx,
  asked: { orderId: string; paymentKey: string | null; token: string; leaseMs: number },
): Promise<Hold> {
  const { orderId, paymentKey, token, leaseMs } = asked;
  const payment = await lockPayment(tx, orderId);
  if (payment === undefined) return 'nothing';
  const [cancel] = await tx.query<{ id: string; is_free: bigint | number }>`
    SELECT id, (claim_token IS NULL OR next_check_at <= NOW(3)) AS is_free FROM payment_cancels
    WHERE payment_event_no = ${payment.no} AND status IN ('REQUESTED', 'EXECUTING', 'UNKNOWN') FOR UPDATE`;
  if (cancel !== undefined) {
    if (Number(cancel.is_free) !== 1) return 'busy';
    return { kind: 'cancel', ...(await holdCancel(tx, cancel.id, { token, leaseMs })) };
  }
  switch (payment.status) {
    case 'CANCELED':
      return 'nothing';
    case 'NOT_STARTED':
      return paymentKey === null ? 'nothing' : claimUnclaimed(tx, payment, { paymentKey, token, leaseMs });
    default: {
      if (!(await isFree(tx, payment, leaseMs))) return 'busy';
      const held = await holdPayment(tx, orderId, { token, leaseMs });
      const isOpen = payment.status === 'EXECUTING' || payment.status === 'UNKNOWN';
      return isOpen ? { kind: 'open', ...held } : { kind: 'settled', payment: held.payment };
    }
  }
}

/** A confirm's claim is free when its lease has ended, a look's when it is due again. */
async function isFree(tx: Tx, payment: Payment, leaseMs: number): Promise<boolean> {
  const free =
    payment.status === 'EXECUTING'
      ? Prisma.sql`claimed_at <= NOW(3) - ${milliseconds(leaseMs)}
          AND (next_check_at IS NULL OR next_check_at <= NOW(3))`
      : Prisma.sql`claim_token IS NULL OR next_check_at <= NOW(3)`;
  const [row] = await tx.query<{ is_free: bigint | number | null }>`
    SELECT (${free}) AS is_free FROM payment_events WHERE no = ${payment.no}`;
  return Number(row?.is_free ?? 0) === 1;
}

/** NOT_STARTED → EXECUTING: the PSP was paid without a claim of ours, so this is the claim. */
async function claimUnclaimed(
  tx: Tx,
  payment: Payment,
  { paymentKey, token, leaseMs }: { paymentKey: string; token: string; leaseMs: number },
): Promise<TakenOver> {
  await movePayment(tx, payment, {
    to: 'EXECUTING',
    changedBy: 'reconcile',
    reason: 'PAID_AT_THE_PSP_WITHOUT_A_CLAIM',
    set: Prisma.sql`payment_key = ${paymentKey}, claim_token = ${token}, claimed_at = NOW(3), attempt = attempt + 1,
      next_check_at = NOW(3) + ${milliseconds(leaseMs)}, failure_code = NULL, failure_message = NULL`,
  });
  const claimed = { ...payment, status: 'EXECUTING' as const, paymentKey, claimToken: token };
  return { kind: 'open', payment: { ...claimed, attempt: payment.attempt + 1 }, sinceClaimMs: 0 };
}
