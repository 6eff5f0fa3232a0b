import { Prisma, type Tx } from '#prisma/database';
import { findCancel } from '../payment/cancel.store';
import type { Cancel, Payment } from '../payment/payment';
import { findPayment, movePayment, touchPayment } from '../payment/payment.store';
import { CHECK_AGAIN_AFTER_S, nextCheckAfterS } from '../payment/recheck.rules';
import { LATE_APPROVAL_REVERSED } from './recover-payments.rules';

const MILLISECOND_US = 1_000;
const us = (ms: number): Prisma.Sql => Prisma.sql`INTERVAL ${ms * MILLISECOND_US} MICROSECOND`;

/** What is taken over, the most urgent first: looks that a webhook has asked for come last. */
export const KINDS = ['executing', 'unknown', 'cancel', 'settled'] as const;
export type Kind = (typeof KINDS)[number];

/** `FOR UPDATE SKIP LOCKED`: instances do not wait for each other, and none takes what another is taking. */
function dueQuery(kind: Kind, leaseMs: number): Prisma.Sql {
  switch (kind) {
    case 'executing':
      return Prisma.sql`
        SELECT order_id AS id FROM payment_events
        WHERE status = 'EXECUTING' AND claimed_at <= NOW(3) - ${us(leaseMs)}
          AND (next_check_at IS NULL OR next_check_at <= NOW(3))
        ORDER BY next_check_at LIMIT 1 FOR UPDATE SKIP LOCKED`;
    case 'unknown':
      return Prisma.sql`
        SELECT order_id AS id FROM payment_events WHERE status = 'UNKNOWN' AND next_check_at <= NOW(3)
        ORDER BY next_check_at LIMIT 1 FOR UPDATE SKIP LOCKED`;
    case 'cancel':
      return Prisma.sql`
        SELECT id FROM payment_cancels
        WHERE status IN ('REQUESTED', 'EXECUTING', 'UNKNOWN') AND next_check_at <= NOW(3)
        ORDER BY next_check_at LIMIT 1 FOR UPDATE SKIP LOCKED`;
    case 'settled':
      return Prisma.sql`
        SELECT order_id AS id FROM payment_events
        WHERE status IN ('SUCCESS', 'PARTIAL_CANCELED', 'FAILURE') AND next_check_at <= NOW(3)
        ORDER BY next_check_at LIMIT 1 FOR UPDATE SKIP LOCKED`;
  }
}

export type Due =
  | { kind: 'executing' | 'unknown' | 'settled'; payment: Payment; sinceClaimMs: number }
  | { kind: 'cancel'; cancel: Cancel; payment: Payment };

/**
 * Takes over what is due: from now on only writes under `token` hold, until the lease ends and it is due again.
 *
 * @returns `undefined` when nothing of this kind is due
 */
export async function takeOver(tx: Tx, kind: Kind, token: string, leaseMs: number): Promise<Due | undefined> {
  const [due] = await tx.$queryRaw<{ id: string }[]>(dueQuery(kind, leaseMs));
  if (due === undefined) return undefined;
  if (kind === 'cancel') {
    await tx.$executeRaw`
      UPDATE payment_cancels SET claim_token = ${token}, next_check_at = NOW(3) + ${us(leaseMs)}
      WHERE id = ${due.id}`;
    const cancel = await findCancel(tx, due.id);
    const payment = cancel && (await findPayment(tx, cancel.orderId));
    if (payment === undefined || cancel === undefined) throw new Error(`cancel ${due.id} has vanished`);
    return { kind, cancel, payment };
  }
  await tx.$executeRaw`
    UPDATE payment_events
    SET claim_token = ${token}, next_check_at = NOW(3) + ${us(leaseMs)}, check_requested = FALSE
    WHERE order_id = ${due.id}`;
  const payment = await findPayment(tx, due.id);
  if (payment === undefined) throw new Error(`order ${due.id} has vanished`);
  const [age] = await tx.$queryRaw<{ age_us: bigint | number | null }[]>`
    SELECT TIMESTAMPDIFF(MICROSECOND, claimed_at, NOW(3)) AS age_us FROM payment_events WHERE no = ${payment.no}`;
  return { kind, payment, sinceClaimMs: Number(age?.age_us ?? 0) / MILLISECOND_US };
}

/** UNKNOWN → EXECUTING for a new attempt; what is EXECUTING stays it. Counts the attempt. */
export async function beginAttempt(tx: Tx, payment: Payment): Promise<Payment | undefined> {
  const set = Prisma.sql`attempt = attempt + 1`;
  const begun =
    payment.status === 'EXECUTING'
      ? await touchPayment(tx, payment, set)
      : await movePayment(tx, payment, {
          to: 'EXECUTING',
          changedBy: 'recovery',
          reason: 'PAYMENT_CONFIRMATION_NEW_ATTEMPT',
          set,
        });
  return begun ? { ...payment, status: 'EXECUTING', attempt: payment.attempt + 1 } : undefined;
}

/** A webhook that came during the look brings the next one soon. */
const endOfLook = (nextCheck: Prisma.Sql): Prisma.Sql => Prisma.sql`claim_token = NULL,
  next_check_at = IF(check_requested, NOW(3) + INTERVAL ${CHECK_AGAIN_AFTER_S} SECOND, ${nextCheck}),
  check_requested = FALSE`;

const inSeconds = (seconds: number): Prisma.Sql => Prisma.sql`NOW(3) + INTERVAL ${seconds} SECOND`;

/** Ends the look; an open payment is UNKNOWN from now on. @returns false when somebody else has taken over */
export function lookLater(tx: Tx, payment: Payment, reason: string, afterS: number): Promise<boolean> {
  const set = endOfLook(inSeconds(afterS));
  return payment.status === 'EXECUTING'
    ? movePayment(tx, payment, { to: 'UNKNOWN', changedBy: 'recovery', reason, set })
    : touchPayment(tx, payment, set);
}

/** The look brought all there was. */
export function endLook(tx: Tx, payment: Payment): Promise<boolean> {
  return touchPayment(tx, payment, endOfLook(Prisma.sql`NULL`));
}

/**
 * The look brought nothing: counted on every line, and asked again less and less often.
 *
 * @returns whether that has happened often enough for an alarm; `undefined` when somebody else has taken over
 */
export async function countFailedLook(
  tx: Tx,
  payment: Payment,
  reason: string,
): Promise<{ failedCount: number; isAlarming: boolean } | undefined> {
  const [counted] = await tx.$queryRaw<{ failed_count: number; is_alarming: bigint | number }[]>`
    SELECT MAX(failed_count) AS failed_count, MAX(failed_count + 1 >= threshold) AS is_alarming
    FROM payment_orders WHERE payment_event_no = ${payment.no}`;
  if (counted === undefined) throw new Error(`order ${payment.orderId} has no lines`);
  const failedCount = Number(counted.failed_count);
  if (!(await lookLater(tx, payment, reason, nextCheckAfterS(failedCount)))) return undefined;
  await tx.$executeRaw`
    UPDATE payment_orders SET failed_count = failed_count + 1 WHERE payment_event_no = ${payment.no}`;
  return { failedCount: failedCount + 1, isAlarming: Number(counted.is_alarming) === 1 };
}

/** The payment stays FAILURE; its reason is now that a late approval was taken back. */
export function noteReversal(tx: Tx, payment: Payment, message: string): Promise<boolean> {
  return movePayment(tx, payment, {
    to: 'FAILURE',
    changedBy: 'webhook-lookup',
    reason: `${LATE_APPROVAL_REVERSED}: ${message}`,
    set: Prisma.sql`failure_code = ${LATE_APPROVAL_REVERSED}, failure_message = ${message}, ${endOfLook(Prisma.sql`NULL`)}`,
  });
}
