import { Prisma, type Tx } from '#prisma/database';
import type { Payment } from '../payment/payment';
import { movePayment } from '../payment/payment.store';

/** When a payment whose outcome is not known is looked at again. */
const FIRST_CHECK_AFTER_S = 10;

/**
 * NOT_STARTED → EXECUTING under a fresh token. The unique key on payment_key refuses a key of another order.
 *
 * @returns the payment as it stands now
 */
export async function claim(tx: Tx, payment: Payment, paymentKey: string, token: string): Promise<Payment> {
  const moved = await movePayment(tx, payment, {
    to: 'EXECUTING',
    changedBy: 'confirm',
    reason: 'PAYMENT_CONFIRMATION_START',
    set: Prisma.sql`payment_key = ${paymentKey}, claim_token = ${token}, claimed_at = NOW(3), attempt = attempt + 1,
      next_check_at = NULL, failure_code = NULL, failure_message = NULL`,
  });
  if (!moved) throw new Error(`order ${payment.orderId} moved under its own lock`);
  return { ...payment, status: 'EXECUTING', paymentKey, claimToken: token, attempt: payment.attempt + 1 };
}

/** EXECUTING → NOT_STARTED: nothing was charged, and the order can be paid with another payment key. */
export function release(tx: Tx, payment: Payment, code: string, message: string): Promise<boolean> {
  return movePayment(tx, payment, {
    to: 'NOT_STARTED',
    changedBy: 'confirm',
    reason: `claim released, ${code}: ${message}`,
    set: Prisma.sql`claim_token = NULL, claimed_at = NULL, payment_key = NULL`,
  });
}

export function leaveUnknown(tx: Tx, payment: Payment, reason: string): Promise<boolean> {
  return movePayment(tx, payment, {
    to: 'UNKNOWN',
    changedBy: 'confirm',
    reason,
    set: Prisma.sql`claim_token = NULL, next_check_at = NOW(3) + INTERVAL ${FIRST_CHECK_AFTER_S} SECOND`,
  });
}
