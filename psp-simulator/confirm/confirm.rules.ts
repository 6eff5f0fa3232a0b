import type { Won } from '#kit/money';
import { tossError } from '../errors';
import type { Payment } from '../payments';
import { paymentView } from '../payment.view';
import type { Decision } from '../toss-api';
import { approved, expired, sessionIsOver } from '../transitions';

/** Smallest approval by card. */
const CARD_AMOUNT_MIN: Won = 100n;

export interface ConfirmRequest {
  orderId: string;
  amount: Won;
}

/** Approves an authenticated payment once, if order and amount are those the shopper saw. */
export function decideConfirm(
  payment: Payment | undefined,
  asked: ConfirmRequest,
  at: { nowMs: number; sessionMs: number; transactionKey: string; approveNo: string },
): Decision {
  if (payment === undefined) return { refusal: tossError('NOT_FOUND_PAYMENT') };
  // Whoever knows the key but not the order is told of no session, whatever has become of the payment.
  if (payment.orderId !== asked.orderId) return { refusal: tossError('NOT_FOUND_PAYMENT_SESSION') };
  switch (payment.status) {
    case 'READY':
    case 'EXPIRED':
      return { refusal: tossError('NOT_FOUND_PAYMENT_SESSION') };
    case 'DONE':
    case 'PARTIAL_CANCELED':
    case 'CANCELED':
    case 'ABORTED':
      return { refusal: tossError('ALREADY_PROCESSED_PAYMENT') };
    case 'IN_PROGRESS':
      break;
  }
  if (sessionIsOver(payment, at.nowMs, at.sessionMs)) {
    return { refusal: tossError('NOT_FOUND_PAYMENT_SESSION'), payment: expired(payment) };
  }
  if (payment.totalAmount !== asked.amount) return { refusal: tossError('INVALID_REQUEST') };
  if (payment.totalAmount < CARD_AMOUNT_MIN) return { refusal: tossError('BELOW_MINIMUM_AMOUNT') };
  const done = approved(payment, at);
  return { body: paymentView(done), payment: done };
}
