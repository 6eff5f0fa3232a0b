import { Prisma, type Tx } from '#prisma/database';
import { findCancel } from './cancel.store';
import type { Cancel, ChangedBy, Payment } from './payment';
import { findPayment, movePayment, touchPayment } from './payment.store';
import { CHECK_AGAIN_AFTER_S, LATE_CANCEL_CHECK_AFTER_S, nextCheckAfterS } from './recheck.rules';
import { LATE_APPROVAL_REVERSED } from './recovery.rules';

const MILLISECOND_US = 1_000;
export const milliseconds = (ms: number): Prisma.Sql =>
  Prisma.sql`INTERVAL ${ms * MILLISECOND_US} MICROSECOND`;

/**
 * Takes a payment over: from now on only writes under `token` hold, until the lease ends and it is due again.
 *
 * @returns the payment as it stands now, and how long ago its confirm was claimed
 */
export async function holdPayment(
  tx: Tx,
  orderId: string,
  { token, leaseMs }: { token: string; leaseMs: number },
): Promise<{ payment: Payment; sinceClaimMs: number }> {
  await tx.execute`
    UPDATE payment_events
    SET claim_token = ${token}, next_check_at = NOW(3) + ${milliseconds(leaseMs)}, check_requested = FALSE
    WHERE order_id = ${orderId}`;
  const payment = await findPayment(tx, orderId);
  if (payment === undefined) throw new Error(`order ${orderId} has vanished`);
  const [age] = await tx.query<{ age_us: bigint | number | null }>`
    SELECT TIMESTAMPDIFF(MICROSECOND, claimed_at, NOW(3)) AS age_us FROM payment_events WHERE no = ${payment.no}`;
  return { payment, sinceClaimMs: Number(age?.age_us ?? 0) / MILLISECOND_US };
}

/** Takes a cancel over, as `holdPayment` does a payment. */
export async function holdCancel(
  tx: Tx,
  cancelId: string,
  { token, leaseMs }: { token: string; leaseMs: number },
): Promise<{ cancel: Cancel; payment: Payment }> {
  await tx.execute`
    UPDATE payment_cancels SET claim_token = ${token}, next_check_at = NOW(3) + ${milliseconds(leaseMs)}
    WHERE id = ${cancelId}`;
  const cancel = await findCancel(tx, cancelId);
  const payment = cancel && (await findPayment(tx, cancel.orderId));
  if (payment === undefined || cancel === undefined) throw new Error(`cancel ${cancelId} has vanished`);
  return { cancel, payment };
}

/** UNKNOWN → EXECUTING for a new attempt; what is EXECUTING stays it. Counts the attempt. */
export async function beginAttempt(tx: Tx, payment: Payment): Promise<Payment> {
  const set = Prisma.sql`attempt = attempt + 1`;
  if (payment.status === 'EXECUTING') await touchPayment(tx, payment, set);
  else
    await movePayment(tx, payment, {
      to: 'EXECUTING',
      changedBy: 'recovery',
      reason: 'PAYMENT_CONFIRMATION_NEW_ATTEMPT',
      set,
    });
  return { ...payment, status: 'EXECUTING', attempt: payment.attempt + 1 };
}

/** A webhook that came during the look brings the next one soon. */
const endOfLook = (nextCheck: Prisma.Sql): Prisma.Sql => Prisma.sql`claim_token = NULL,
  next_check_at = IF(check_requested, NOW(3) + INTERVAL ${CHECK_AGAIN_AFTER_S} SECOND, ${nextCheck}),
  check_requested = FALSE`;

const inSeconds = (seconds: number): Prisma.Sql => Prisma.sql`NOW(3) + INTERVAL ${seconds} SECOND`;

/** Ends the lookup; an open payment is UNKNOWN from now on. @throws ClaimLostError */
export function lookLater(
  tx: Tx,
  payment: Payment,
  { reason, afterS, changedBy }: { reason: string; afterS: number; changedBy: ChangedBy },
): Promise<void> {
  const set = endOfLook(inSeconds(afterS));
  return payment.status === 'EXECUTING'
    ? movePayment(tx, payment, { to: 'UNKNOWN', changedBy, reason, set })
    : touchPayment(tx, payment, set);
}

/** When a cancel of the payment's that has failed may have been done after all by an earlier call; NULL: no more. */
const lateCancelCheck = Prisma.sql`(
  SELECT MAX(updated_at) + INTERVAL ${LATE_CANCEL_CHECK_AFTER_S} SECOND FROM payment_cancels
  WHERE payment_event_no = payment_events.no AND status = 'FAILURE' AND attempt > 1
    AND updated_at > NOW(3) - INTERVAL ${LATE_CANCEL_CHECK_AFTER_S} SECOND)`;

/** The look brought all there was; what may come late is looked for when it can no longer come. */
export function endLook(tx: Tx, payment: Payment): Promise<void> {
  return touchPayment(tx, payment, endOfLook(lateCancelCheck));
}

/**
 * The look brought nothing: counted on every line, and asked again less and less often.
 *
 * @returns whether that has happened often enough for an alarm
 * @throws ClaimLostError
 */
export async function countFailedLook(
  tx: Tx,
  payment: Payment,
  { reason, changedBy }: { reason: string; changedBy: ChangedBy },
): Promise<{ failedCount: number; isAlarming: boolean }> {
  const [counted] = await tx.query<{ failed_count: number; is_alarming: bigint | number }>`
    SELECT MAX(failed_count) AS failed_count, MAX(failed_count + 1 >= threshold) AS is_alarming
    FROM payment_orders WHERE payment_event_no = ${payment.no}`;
  if (counted === undefined) throw new Error(`order ${payment.orderId} has no lines`);
  const failedCount = Number(counted.failed_count);
  await lookLater(tx, payment, { reason, afterS: nextCheckAfterS(failedCount), changedBy });
  await tx.execute`
    UPDATE payment_orders SET failed_count = failed_count + 1 WHERE payment_event_no = ${payment.no}`;
  return { failedCount: failedCount + 1, isAlarming: Number(counted.is_alarming) === 1 };
}

/** The payment stays FAILURE; its reason is now that a late approval was taken back. */
export function noteReversal(
  tx: Tx,
  payment: Payment,
  { message, changedBy }: { message: string; changedBy: ChangedBy },
): Promise<void> {
  return movePayment(tx, payment, {
    to: 'FAILURE',
    changedBy,
    reason: `${LATE_APPROVAL_REVERSED}: ${message}`,
    set: Prisma.sql`failure_code = ${LATE_APPROVAL_REVERSED}, failure_message = ${message}, ${endOfLook(Prisma.sql`NULL`)}`,
  });
}
