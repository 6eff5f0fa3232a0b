import { Refusal } from '#kit/refusal';
import type { Won } from '#kit/money';
import type { Payment } from '../payment/payment';

const RETRY_AFTER_S = 1;

/**
 * May this confirm request claim the payment? A pure rule over the payment as it is locked.
 *
 * @returns `claim`, or `replay` when the answer stands in the row already
 * @throws Refusal
 */
export function admit(payment: Payment, request: { paymentKey: string; amount: Won }): 'claim' | 'replay' {
  if (request.amount !== payment.totalAmount) throw new Refusal('PEC0002');
  const isSameKey = payment.paymentKey === request.paymentKey;
  switch (payment.status) {
    case 'NOT_STARTED':
      return 'claim';
    case 'EXECUTING':
      throw new Refusal('PEC0005', { retryAfterSeconds: RETRY_AFTER_S });
    case 'UNKNOWN':
      throw new Refusal(
        isSameKey ? 'PEC0007' : 'PEC0006',
        isSameKey ? { data: { orderId: payment.orderId } } : {},
      );
    case 'FAILURE':
      // Final: the shopper checks out anew.
      throw refusedByPsp(payment.failure ?? { code: 'UNKNOWN', message: '' });
    case 'SUCCESS':
    case 'PARTIAL_CANCELED':
    case 'CANCELED':
      if (!isSameKey) throw new Refusal('PEC0006');
      return 'replay';
  }
}

export function refusedByPsp({ code, message }: { code: string; message: string }): Refusal {
  return new Refusal('PEC0004', { data: { psp: { code, message } }, internal: `the PSP refused: ${code}` });
}
