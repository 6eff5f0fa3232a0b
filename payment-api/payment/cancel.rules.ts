import type { PspAnswer } from '../toss/toss-client';
import type { TossCancel, TossPayment } from '../toss/toss-payment';
import { ATTEMPTS_MAX, SAME_KEY_CALLS_MAX } from './asking.rules';
import type { Cancel, CancelStatus } from './payment';

/** What an error answer to a cancel means (docs.tosspayments.com/reference/error-codes#결제-취소). */
const MISCONFIGURATION = new Set(['UNAUTHORIZED_KEY', 'INVALID_API_KEY', 'FORBIDDEN_REQUEST']);
/** The PSP has no more, or not as much, to give back. */
const NOTHING_TO_CANCEL = new Set([
  'ALREADY_CANCELED_PAYMENT',
  'NOT_CANCELABLE_AMOUNT',
  'NOT_CANCELABLE_PAYMENT',
  'NOT_MATCHES_REFUNDABLE_AMOUNT',
]);
const REFUSALS = new Set([
  ...NOTHING_TO_CANCEL,
  'NOT_CANCELABLE_PAYMENT_FOR_DORMANT_USER',
  'NOT_FOUND_PAYMENT',
  'INVALID_REQUEST',
  'EXCEED_CANCEL_AMOUNT_DISCOUNT_AMOUNT',
  'EXCEED_MAX_REFUND_DUE',
  'REFUND_REJECTED',
]);

export const isMisconfiguration = (code: string): boolean => MISCONFIGURATION.has(code);
export const isNothingToCancel = (code: string): boolean => NOTHING_TO_CANCEL.has(code);

/** Is it still to be heard of at the PSP? One such cancel of a payment at a time. */
export const isInFlight = (status: CancelStatus): boolean =>
  status === 'REQUESTED' || status === 'EXECUTING' || status === 'UNKNOWN';

export interface CancelProgress {
  asked: 'cancel' | 'lookup';
  /** Calls under the current idempotency key. */
  sameKeyCalls: number;
  /** Idempotency keys used since this process took the cancel. */
  keys: number;
  /** What the PSP said before it was looked up. */
  refused: { code: string; message: string } | null;
}

/** What ends the asking. */
export type CancelEnding =
  | { do: 'succeed'; entry: TossCancel; psp: TossPayment }
  | { do: 'fail'; code: string; message: string }
  | { do: 'leave-unknown'; reason: string; alarm: boolean };

export type CancelStep =
  | CancelEnding
  | { do: 'look-up'; refused: CancelProgress['refused'] }
  | { do: 'repeat-same-key' }
  | { do: 'new-attempt' };

type Asked = Pick<Cancel, 'cancelAmount' | 'refundableAmount' | 'attempt' | 'reason'>;

/**
 * The PSP's entry for our cancel: not known as another's, of our amount and our reason, and leading from what we said was
 * left to what was to be left then. `refundableAmount` is a compare-and-swap, so there is at most one. The reason tells it
 * from a cancel of the same amount that the PSP's back office made for another line.
 */
export function ownEntry(
  cancel: Asked,
  psp: TossPayment,
  knownKeys: ReadonlySet<string>,
): TossCancel | undefined {
  return psp.cancels.find(
    (entry) =>
      !knownKeys.has(entry.transactionKey) &&
      entry.cancelAmount === cancel.cancelAmount &&
      entry.reason.trim() === cancel.reason.trim() &&
      entry.refundableAmount === cancel.refundableAmount - cancel.cancelAmount,
  );
}

function stepAfterLookup(cancel: Asked, psp: TossPayment, progress: CancelProgress): CancelStep {
  if (progress.refused !== null) return { do: 'fail', ...progress.refused };
  if (psp.status !== 'DONE' && psp.status !== 'PARTIAL_CANCELED' && psp.status !== 'CANCELED') {
    return { do: 'leave-unknown', reason: `${psp.status} at the PSP, but paid here`, alarm: true };
  }
  if (psp.balanceAmount !== cancel.refundableAmount) {
    const message = `${psp.balanceAmount} won are left at the PSP, not ${cancel.refundableAmount}`;
    return { do: 'fail', code: 'NOT_MATCHES_REFUNDABLE_AMOUNT', message };
  }
  if (progress.keys < ATTEMPTS_MAX) return { do: 'new-attempt' };
  return { do: 'leave-unknown', reason: `not done after ${progress.keys} attempts`, alarm: false };
}

/** Decides what an answer of the PSP means for a cancel. Pure. */
export function decideCancel(
  cancel: Asked,
  answer: PspAnswer,
  progress: CancelProgress,
  knownKeys: ReadonlySet<string>,
): CancelStep {
  if (answer.kind === 'payment') {
    const entry = ownEntry(cancel, answer.payment, knownKeys);
    if (entry !== undefined) return { do: 'succeed', entry, psp: answer.payment };
    if (progress.asked === 'cancel') return { do: 'look-up', refused: null };
    return stepAfterLookup(cancel, answer.payment, progress);
  }
  const reason = answer.kind === 'none' ? `no answer from the PSP: ${answer.reason}` : answer.code;
  if (progress.asked === 'lookup') return { do: 'leave-unknown', reason: `lookup: ${reason}`, alarm: false };
  if (answer.kind === 'none' || answer.code === 'IDEMPOTENT_REQUEST_PROCESSING') {
    return progress.sameKeyCalls < SAME_KEY_CALLS_MAX
      ? { do: 'repeat-same-key' }
      : { do: 'leave-unknown', reason, alarm: false };
  }
  const { code, message } = answer;
  if (isMisconfiguration(code)) {
    // Only a very first call is certain to have done nothing.
    return cancel.attempt === 1 && progress.sameKeyCalls === 1
      ? { do: 'fail', code, message }
      : { do: 'leave-unknown', reason, alarm: true };
  }
  // A refusal may be the echo of an earlier call of ours whose answer was lost.
  return { do: 'look-up', refused: REFUSALS.has(code) ? { code, message } : null };
}
