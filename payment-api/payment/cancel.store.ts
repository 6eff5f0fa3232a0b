import { wonFromText, wonToDecimalText, type Won } from '#kit/money';
import { Prisma, type Reader, type Tx } from '#prisma/database';
import type { Cancel, CancelStatus, ChangedBy } from './payment';
import { assertCancelMove } from './states';

interface CancelRow {
  no: bigint;
  id: string;
  payment_event_no: bigint;
  order_id: string;
  status: CancelStatus;
  cancel_amount: string;
  refundable_amount: string;
  cancel_reason: string;
  transaction_key: string | null;
  canceled_at: Date | null;
  resulting_status: Cancel['resultingStatus'];
  event_seq: number | null;
  claim_token: string | null;
  attempt: number;
  failed_count: number;
  failure_code: string | null;
  failure_message: string | null;
  body_hash: string | null;
}

const COLUMNS = Prisma.sql`no, id, payment_event_no, order_id, status, cancel_amount, refundable_amount, cancel_reason,
  transaction_key, canceled_at, resulting_status, event_seq, claim_token, attempt, failed_count, failure_code,
  failure_message, body_hash`;

const cancelOf = (row: CancelRow): Cancel => ({
  no: row.no,
  cancelId: row.id,
  paymentNo: row.payment_event_no,
  orderId: row.order_id,
  status: row.status,
  cancelAmount: wonFromText(row.cancel_amount),
  refundableAmount: wonFromText(row.refundable_amount),
  reason: row.cancel_reason,
  transactionKey: row.transaction_key,
  canceledAt: row.canceled_at,
  resultingStatus: row.resulting_status,
  eventSeq: row.event_seq === null ? null : Number(row.event_seq),
  claimToken: row.claim_token,
  attempt: Number(row.attempt),
  failedCount: Number(row.failed_count),
  failure:
    row.failure_code === null
      ? null
      : { code: row.failure_code, message: row.failure_message ?? row.failure_code },
  bodyHash: row.body_hash,
});

/** Every cancel of a payment, oldest first. */
export async function cancelsOf(db: Reader, paymentNo: bigint): Promise<Cancel[]> {
  const rows = await db.query<CancelRow>`
    SELECT ${COLUMNS} FROM payment_cancels WHERE payment_event_no = ${paymentNo} ORDER BY no`;
  return rows.map(cancelOf);
}

export async function findCancelByKey(db: Reader, idempotencyKey: string): Promise<Cancel | undefined> {
  const rows = await db.query<CancelRow>`
    SELECT ${COLUMNS} FROM payment_cancels WHERE idempotency_key = ${idempotencyKey}`;
  return rows[0] && cancelOf(rows[0]);
}

export async function findCancel(db: Reader, cancelId: string): Promise<Cancel | undefined> {
  const rows = await db.query<CancelRow>`SELECT ${COLUMNS} FROM payment_cancels WHERE id = ${cancelId}`;
  return rows[0] && cancelOf(rows[0]);
}

export interface NewCancel {
  cancelId: string;
  paymentNo: bigint;
  orderId: string;
  status: 'REQUESTED' | 'SUCCESS' | 'UNALLOCATED';
  cancelAmount: Won;
  refundableAmount: Won;
  reason: string;
  /** Of whoever asks the PSP; recovery takes over when `leaseMs` have passed. */
  claim: { token: string; leaseMs: number } | null;
  idempotency: { key: string; bodyHash: string } | null;
  /** What the PSP has done already. */
  done: { transactionKey: string; canceledAt: Date } | null;
}

const REASON_CHARACTERS_MAX = 200;
const MILLISECOND_US = 1_000;

/**
 * @throws a duplicate-key error when the payment has a cancel under way, the idempotency key was used, or the PSP's
 *   transaction is ours already
 */
export async function insertCancel(tx: Tx, cancel: NewCancel): Promise<bigint> {
  const { claim, idempotency, done } = cancel;
  const nextCheck =
    claim === null
      ? Prisma.sql`NULL`
      : Prisma.sql`NOW(3) + INTERVAL ${claim.leaseMs * MILLISECOND_US} MICROSECOND`;
  await tx.execute`
    INSERT INTO payment_cancels (id, payment_event_no, order_id, status, cancel_amount, refundable_amount,
      cancel_reason, transaction_key, canceled_at, claim_token, next_check_at, idempotency_key, body_hash)
    VALUES (${cancel.cancelId}, ${cancel.paymentNo}, ${cancel.orderId}, ${cancel.status},
      ${wonToDecimalText(cancel.cancelAmount)}, ${wonToDecimalText(cancel.refundableAmount)},
      ${cancel.reason.slice(0, REASON_CHARACTERS_MAX)}, ${done?.transactionKey ?? null}, ${done?.canceledAt ?? null},
      ${claim?.token ?? null}, ${nextCheck}, ${idempotency?.key ?? null}, ${idempotency?.bodyHash ?? null})`;
  const [row] = await tx.query<{ no: bigint }>`
    SELECT no FROM payment_cancels WHERE id = ${cancel.cancelId}`;
  if (row === undefined) throw new Error(`cancel ${cancel.cancelId} was not inserted`);
  return row.no;
}

/** Which lines a cancel takes back. */
export async function insertCancelLines(
  tx: Tx,
  cancelNo: bigint,
  lines: readonly { no: bigint }[],
): Promise<void> {
  const rows = lines.map(({ no }) => Prisma.sql`(${cancelNo}, ${no})`);
  await tx.execute`
    INSERT INTO payment_cancel_lines (payment_cancel_no, payment_order_no) VALUES ${Prisma.join(rows)}`;
}

export async function cancelLineNos(db: Reader, cancelNo: bigint): Promise<Set<bigint>> {
  const rows = await db.query<{ payment_order_no: bigint }>`
    SELECT payment_order_no FROM payment_cancel_lines WHERE payment_cancel_no = ${cancelNo}`;
  return new Set(rows.map((row) => row.payment_order_no));
}

/**
 * Moves a cancel, fenced by its status and claim.
 *
 * @returns false when somebody else has moved it on
 */
export async function moveCancel(
  tx: Tx,
  cancel: Cancel,
  { to, changedBy, set }: { to: CancelStatus; changedBy: ChangedBy; set: Prisma.Sql },
): Promise<boolean> {
  assertCancelMove(cancel.status, to, changedBy);
  const moved = await tx.execute`
    UPDATE payment_cancels SET status = ${to}, ${set}, updated_at = NOW(3)
    WHERE no = ${cancel.no} AND status = ${cancel.status} AND claim_token <=> ${cancel.claimToken}`;
  return moved === 1;
}

/**
 * Marks the next call to the PSP before it is made: its idempotency key is never used for another.
 *
 * @returns the cancel as it stands now; `undefined` when somebody else has taken over
 */
export async function beginCall(
  tx: Tx,
  cancel: Cancel,
  changedBy: ChangedBy,
  isNewKey: boolean,
): Promise<Cancel | undefined> {
  const attempt = cancel.attempt + (isNewKey ? 1 : 0);
  const moved = await moveCancel(tx, cancel, {
    to: 'EXECUTING',
    changedBy,
    set: Prisma.sql`attempt = ${attempt}, called_at = NOW(3)`,
  });
  return moved ? { ...cancel, status: 'EXECUTING', attempt } : undefined;
}

/** Milliseconds, by the database's clock, since the PSP was last asked to cancel something of this payment. */
export async function msSinceLastCall(db: Reader, paymentNo: bigint): Promise<number | undefined> {
  const [row] = await db.query<{ age_us: bigint | number | null }>`
    SELECT TIMESTAMPDIFF(MICROSECOND, MAX(called_at), NOW(3)) AS age_us FROM payment_cancels
    WHERE payment_event_no = ${paymentNo}`;
  return row === undefined || row.age_us === null ? undefined : Number(row.age_us) / MILLISECOND_US;
}
