import type { PaymentConfirmed } from '#contracts/generated-types';
import { Prisma, type Tx } from '#prisma/database';
import type { Payment, PaymentLine } from '../payment/payment';
import { movePayment } from '../payment/payment.store';
import type { TossPayment } from '../toss/toss-payment';

/** When a payment whose outcome is not known is looked at again. */
const FIRST_CHECK_AFTER_S = 10;
const FAILURE_CODE_CHARACTERS_MAX = 100;
const FAILURE_MESSAGE_CHARACTERS_MAX = 500;

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

/** Counts a further attempt before its call, so that its idempotency key is never used for another. */
export async function countAttempt(tx: Tx, payment: Payment): Promise<boolean> {
  const counted = await tx.$executeRaw`
    UPDATE payment_events SET attempt = attempt + 1
    WHERE no = ${payment.no} AND status = 'EXECUTING' AND claim_token = ${payment.claimToken}`;
  return counted === 1;
}

export function recordSuccess(
  tx: Tx,
  payment: Payment,
  psp: TossPayment,
  approvedAt: Date,
): Promise<boolean> {
  return movePayment(tx, payment, {
    to: 'SUCCESS',
    changedBy: 'confirm',
    reason: 'PAYMENT_CONFIRMATION_DONE',
    set: Prisma.sql`is_payment_done = TRUE, approved_at = ${approvedAt}, psp_raw_data = ${psp.raw}, claim_token = NULL,
      last_event_seq = last_event_seq + 1`,
  });
}

export function recordFailure(tx: Tx, payment: Payment, code: string, message: string): Promise<boolean> {
  return movePayment(tx, payment, {
    to: 'FAILURE',
    changedBy: 'confirm',
    reason: `${code}: ${message}`,
    set: Prisma.sql`claim_token = NULL, failure_code = ${code.slice(0, FAILURE_CODE_CHARACTERS_MAX)},
      failure_message = ${message.slice(0, FAILURE_MESSAGE_CHARACTERS_MAX)}`,
  });
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

/** The event that tells the sellers' side. Pure. @throws RangeError for a number beyond what JSON and Avro hold exactly */
export function paymentConfirmed(payment: Payment, lines: PaymentLine[], approvedAt: Date): PaymentConfirmed {
  if (payment.paymentKey === null) throw new Error(`order ${payment.orderId} has no payment key`);
  return {
    orderId: payment.orderId,
    paymentKey: payment.paymentKey,
    currency: payment.currency,
    totalAmount: payment.totalAmount,
    approvedAt,
    lines: lines.map((line) => ({
      paymentOrderNo: Number(line.no),
      sellerNo: Number(line.sellerNo),
      productNo: Number(line.productNo),
      amount: line.amount,
    })),
  };
}
