import type { Encode } from '#contracts/codec';
import type { PaymentConfirmed } from '#contracts/generated-types';
import type { Ids } from '#kit/ids';
import { Prisma, type Tx } from '#prisma/database';
import { depart } from '#prisma/outbox';
import type { TossPayment } from '../toss/toss-payment';
import type { ChangedBy, ClaimedPayment, Payment } from './payment';
import { movePayment } from './payment.store';

const FAILURE_CODE_CHARACTERS_MAX = 100;
const FAILURE_MESSAGE_CHARACTERS_MAX = 500;

export interface RecordWorld {
  encode: Encode;
  ids: Ids;
}

/**
 * The payment is paid: status, histories and `PaymentConfirmed`, in the caller's transaction and in one packet.
 *
 * @returns the payment as it is now
 * @throws ClaimLostError when another process has taken over
 */
export async function recordSuccess(
  tx: Tx,
  { encode, ids }: RecordWorld,
  payment: ClaimedPayment,
  success: {
    psp: TossPayment;
    approvedAt: Date;
    changedBy: ChangedBy;
    reason: string;
    traceparent: string | null;
  },
): Promise<Payment> {
  const { psp, approvedAt, changedBy, reason, traceparent } = success;
  const seq = payment.lastEventSeq + 1;
  await Promise.all([
    movePayment(tx, payment, {
      to: 'SUCCESS',
      changedBy,
      reason,
      set: Prisma.sql`is_payment_done = TRUE, approved_at = ${approvedAt}, psp_raw_data = ${psp.raw},
        claim_token = NULL, next_check_at = NULL, check_requested = FALSE, last_event_seq = last_event_seq + 1`,
    }),
    depart(tx, encode, [
      {
        eventId: ids.eventId(),
        topic: 'payment',
        aggregateId: payment.orderId,
        seq,
        record: 'payment.PaymentConfirmed',
        value: paymentConfirmed(payment, approvedAt),
        idempotencyKey: `payment.PaymentConfirmed:${payment.orderId}`,
        traceparent,
      },
    ]),
  ]);
  return { ...payment, status: 'SUCCESS', approvedAt, claimToken: null, lastEventSeq: seq };
}

/** The payment will not be paid. With `checkAgainAfterS` it is looked at once more: a late approval is taken back. */
export function recordFailure(
  tx: Tx,
  payment: Payment,
  failure: { code: string; message: string; changedBy: ChangedBy; checkAgainAfterS?: number },
): Promise<void> {
  const { code, message, changedBy, checkAgainAfterS } = failure;
  const nextCheck =
    checkAgainAfterS === undefined
      ? Prisma.sql`NULL`
      : Prisma.sql`NOW(3) + INTERVAL ${checkAgainAfterS} SECOND`;
  return movePayment(tx, payment, {
    to: 'FAILURE',
    changedBy,
    reason: `${code}: ${message}`,
    set: Prisma.sql`claim_token = NULL, next_check_at = ${nextCheck}, check_requested = FALSE,
      failure_code = ${code.slice(0, FAILURE_CODE_CHARACTERS_MAX)},
      failure_message = ${message.slice(0, FAILURE_MESSAGE_CHARACTERS_MAX)}`,
  });
}

/** The event that tells the sellers' side. Pure. @throws RangeError for a number beyond what JSON and Avro hold exactly */
function paymentConfirmed(payment: ClaimedPayment, approvedAt: Date): PaymentConfirmed {
  if (payment.paymentKey === null) throw new Error(`order ${payment.orderId} has no payment key`);
  return {
    orderId: payment.orderId,
    paymentKey: payment.paymentKey,
    currency: payment.currency,
    totalAmount: payment.totalAmount,
    approvedAt,
    lines: payment.lines.map((line) => ({
      paymentOrderNo: Number(line.no),
      sellerNo: Number(line.sellerNo),
      productNo: Number(line.productNo),
      amount: line.amount,
    })),
  };
}
