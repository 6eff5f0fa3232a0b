import { Prisma, type Tx } from '#prisma/database';
import type { Payment } from '../payment/payment';
import { movePayment } from '../payment/payment.store';

/** When a payment whose outcome is not known is looked at again. */
const FIRST_CHECK_AFTER_S = 10;

/** EXECUTING → NOT_STARTED: nothing was charged, and the order can be paid with another payment key. */
export function release(tx: Tx, payment: Payment, code: string, message: string): Promise<void> {
  return movePayment(tx, payment, {
    to: 'NOT_STARTED',
    changedBy: 'confirm',
    reason: `claim released, ${code}: ${message}`,
    set: Prisma.sql`claim_token = NULL, claimed_at = NULL, payment_key = NULL`,
  });
}

export function leaveUnknown(tx: Tx, payment: Payment, reason: string): Promise<void> {
  return movePayment(tx, payment, {
    to: 'UNKNOWN',
    changedBy: 'confirm',
    reason,
    set: Prisma.sql`claim_token = NULL, next_check_at = NOW(3) + INTERVAL ${FIRST_CHECK_AFTER_S} SECOND`,
  });
}
