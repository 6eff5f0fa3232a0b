import { sumWon, type Won } from '#kit/money';
import { Refusal } from '#kit/refusal';
import { isInFlight, isMisconfiguration, isNothingToCancel } from '../payment/cancel.rules';
import type { Cancel, Payment, PaymentLine } from '../payment/payment';

const RETRY_AFTER_S = 1;
const MISCONFIGURED_RETRY_AFTER_S = 60;

/**
 * May these lines be canceled now? A pure rule over the payment as it is locked.
 *
 * @param paymentOrderNos all lines that are left when absent
 * @returns the lines, and what is left at the PSP before
 * @throws Refusal
 */
export function admitCancel(
  payment: Payment,
  lines: readonly PaymentLine[],
  cancels: readonly Cancel[],
  paymentOrderNos: readonly number[] | undefined,
): { lines: PaymentLine[]; cancelAmount: Won; refundableAmount: Won } {
  if (payment.status === 'EXECUTING' || payment.status === 'UNKNOWN')
    throw new Refusal('PEC0005', { retryAfterSeconds: RETRY_AFTER_S });
  if (payment.status === 'NOT_STARTED' || payment.status === 'FAILURE' || payment.status === 'CANCELED')
    throw new Refusal('PEC0011', { internal: `the payment is ${payment.status}` });
  const chosen = chooseLines(lines, paymentOrderNos);
  // One made in the PSP's back office waits for its lines: until then nobody knows which are left.
  if (cancels.some(({ status }) => isInFlight(status) || status === 'UNALLOCATED'))
    throw new Refusal('PEC0005', {
      retryAfterSeconds: RETRY_AFTER_S,
      internal: 'another cancel is under way',
    });
  const canceled = chosen.filter(({ status }) => status !== 'SUCCESS').map(({ no }) => Number(no));
  if (canceled.length > 0 || chosen.length === 0)
    throw new Refusal('PEC0011', { data: { paymentOrderNos: canceled } });
  const givenBack = sumWon(
    cancels.filter(({ status }) => status === 'SUCCESS').map(({ cancelAmount }) => cancelAmount),
  );
  return {
    lines: chosen,
    cancelAmount: sumWon(chosen.map(({ amount }) => amount)),
    refundableAmount: payment.totalAmount - givenBack,
  };
}

function chooseLines(
  lines: readonly PaymentLine[],
  paymentOrderNos: readonly number[] | undefined,
): PaymentLine[] {
  if (paymentOrderNos === undefined) return lines.filter(({ status }) => status === 'SUCCESS');
  const wanted = new Set(paymentOrderNos);
  const chosen = lines.filter(({ no }) => wanted.has(Number(no)));
  if (chosen.length === wanted.size) return chosen;
  throw new Refusal('PEC0008', {
    data: { issues: [{ path: 'paymentOrderNos', message: 'must be lines of this order' }] },
  });
}

/** What a cancel answers as it stands now; the same to whoever asks again with its idempotency key. @throws Refusal */
export function answerOf(
  cancel: Cancel,
): Pick<Cancel, 'orderId' | 'cancelId' | 'cancelAmount'> & { status: 'PARTIAL_CANCELED' | 'CANCELED' } {
  const { orderId, cancelId, cancelAmount, status, resultingStatus, failure } = cancel;
  switch (status) {
    case 'SUCCESS':
      if (resultingStatus === null) throw new Error(`cancel ${cancelId} succeeded to no status`);
      return { orderId, cancelId, cancelAmount, status: resultingStatus };
    case 'REQUESTED':
    case 'EXECUTING':
      throw new Refusal('PEC0005', { retryAfterSeconds: RETRY_AFTER_S });
    case 'UNKNOWN':
      throw new Refusal('PEC0007', { data: { orderId, cancelId } });
    case 'FAILURE':
      throw refusedCancel(failure ?? { code: 'UNKNOWN', message: '' });
    case 'UNALLOCATED':
      throw new Error(`cancel ${cancelId} has an idempotency key, but was not made by us`);
  }
}

function refusedCancel({ code, message }: { code: string; message: string }): Refusal {
  const internal = `the PSP refused to cancel: ${code}`;
  if (isMisconfiguration(code))
    return new Refusal('PEC0014', { retryAfterSeconds: MISCONFIGURED_RETRY_AFTER_S, internal });
  return new Refusal(isNothingToCancel(code) ? 'PEC0011' : 'PEC0004', {
    data: { psp: { code, message } },
    internal,
  });
}
