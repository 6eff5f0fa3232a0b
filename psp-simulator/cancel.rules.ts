import type { Won } from '#kit/money';
import { tossError } from './errors';
import { paymentView } from './payment.view';
import type { Payment } from './payments';
import type { Decision } from './toss-api';
import { canceled } from './transitions';

export interface CancelRequest {
  cancelReason: string;
  /** All that is left when absent. */
  cancelAmount?: Won | undefined;
  /** What the caller believes is left: a compare-and-swap. */
  refundableAmount?: Won | undefined;
}

/** Gives back all or part of what is left of an approved payment. */
export function decideCancel(
  payment: Payment | undefined,
  asked: CancelRequest,
  at: { nowMs: number; transactionKey: string; lastCancelAtMs: number | undefined; intervalMs: number },
): Decision {
  if (payment === undefined) return { refusal: tossError('NOT_FOUND_PAYMENT') };
  if (at.lastCancelAtMs !== undefined && at.nowMs - at.lastCancelAtMs < at.intervalMs) {
    return { refusal: tossError('FORBIDDEN_CONSECUTIVE_REQUEST') };
  }
  if (payment.status === 'CANCELED') return { refusal: tossError('ALREADY_CANCELED_PAYMENT') };
  if (payment.status !== 'DONE' && payment.status !== 'PARTIAL_CANCELED') {
    return { refusal: tossError('NOT_CANCELABLE_PAYMENT') };
  }
  if (asked.refundableAmount !== undefined && asked.refundableAmount !== payment.balanceAmount) {
    return { refusal: tossError('NOT_MATCHES_REFUNDABLE_AMOUNT') };
  }
  const cancelAmount = asked.cancelAmount ?? payment.balanceAmount;
  if (cancelAmount > payment.balanceAmount) return { refusal: tossError('NOT_CANCELABLE_AMOUNT') };
  const { cancelReason } = asked;
  const { transactionKey, nowMs } = at;
  const after = canceled(payment, { cancelAmount, cancelReason, transactionKey, nowMs });
  return { body: paymentView(after), payment: after };
}
