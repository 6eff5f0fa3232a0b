import type { PaymentStatus } from '../payment/payment';
import type { TossPayment } from '../toss/toss-payment';

const GIVEN_BACK: readonly TossPayment['status'][] = ['CANCELED', 'PARTIAL_CANCELED'];

/**
 * In which of our statuses a look at the PSP can bring something new, given what the webhook claims. The claim is
 * unsigned: believing it costs at most one look.
 *
 * EXECUTING is not among them: whoever holds the claim is asking already, and its lease brings recovery.
 */
export function statusesWorthALook(claimed: TossPayment['status']): PaymentStatus[] {
  const taken = claimed === 'DONE' || GIVEN_BACK.includes(claimed);
  return [
    'UNKNOWN',
    // A late approval.
    ...(taken ? (['FAILURE'] as const) : []),
    // Somebody gave money back in the PSP's back office.
    ...(GIVEN_BACK.includes(claimed) ? (['SUCCESS', 'PARTIAL_CANCELED'] as const) : []),
  ];
}
