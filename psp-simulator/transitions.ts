import type { Won } from '#kit/money';
import { TOSS_ERRORS, type TossError } from './errors';
import type { Payment } from './payments';

// The moves of a payment: READY → IN_PROGRESS → DONE → PARTIAL_CANCELED / CANCELED, or ABORTED, or EXPIRED.
// Each makes a new payment from an old one; whether the move is allowed is the caller's question.

/** The shopper asked to pay and has not authenticated yet. */
export function requestedPayment(wanted: {
  paymentKey: string;
  orderId: string;
  orderName: string;
  amount: Won;
  nowMs: number;
}): Payment {
  return {
    paymentKey: wanted.paymentKey,
    orderId: wanted.orderId,
    orderName: wanted.orderName,
    totalAmount: wanted.amount,
    balanceAmount: wanted.amount,
    status: 'READY',
    requestedAtMs: wanted.nowMs,
    authenticatedAtMs: null,
    approvedAtMs: null,
    approvalTransactionKey: null,
    approveNo: null,
    cancels: [],
    failure: null,
  };
}

export function authenticated(payment: Payment, nowMs: number): Payment {
  return { ...payment, status: 'IN_PROGRESS', authenticatedAtMs: nowMs };
}

export function approved(
  payment: Payment,
  with_: { nowMs: number; transactionKey: string; approveNo: string },
): Payment {
  return {
    ...payment,
    status: 'DONE',
    approvedAtMs: with_.nowMs,
    approvalTransactionKey: with_.transactionKey,
    approveNo: with_.approveNo,
  };
}

/** The card company refused; `failure` says why. */
export function aborted(payment: Payment, error: Pick<TossError, 'code' | 'message'>): Payment {
  return { ...payment, status: 'ABORTED', failure: { code: error.code, message: error.message } };
}

export function expired(payment: Payment): Payment {
  const failure = { code: 'EXPIRED_PAYMENT', message: TOSS_ERRORS.EXPIRED_PAYMENT.message };
  return { ...payment, status: 'EXPIRED', failure };
}

/** @throws RangeError when more than the balance would go back: the caller has to check first. */
export function canceled(
  payment: Payment,
  cancel: { cancelAmount: Won; cancelReason: string; transactionKey: string; nowMs: number },
): Payment {
  const refundableAmount = payment.balanceAmount - cancel.cancelAmount;
  if (cancel.cancelAmount <= 0n || refundableAmount < 0n) {
    throw new RangeError(`cannot cancel ${cancel.cancelAmount} of ${payment.balanceAmount}`);
  }
  const { cancelAmount, cancelReason, transactionKey, nowMs } = cancel;
  return {
    ...payment,
    status: refundableAmount === 0n ? 'CANCELED' : 'PARTIAL_CANCELED',
    balanceAmount: refundableAmount,
    cancels: [
      ...payment.cancels,
      { transactionKey, cancelAmount, cancelReason, canceledAtMs: nowMs, refundableAmount },
    ],
  };
}

/** True when the time between authentication and confirm is over. */
export function sessionIsOver(payment: Payment, nowMs: number, sessionMs: number): boolean {
  if (payment.status !== 'IN_PROGRESS' || payment.authenticatedAtMs === null) return false;
  return nowMs - payment.authenticatedAtMs >= sessionMs;
}
