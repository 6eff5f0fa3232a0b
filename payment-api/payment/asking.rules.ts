import type { PspAnswer } from '../toss/toss-client';
import { meaningOf } from '../toss/toss-codes';
import type { TossPayment } from '../toss/toss-payment';
import type { Payment } from './payment';

/** Confirm calls under one idempotency key, and idempotency keys in one claim. */
export const SAME_KEY_CALLS_MAX = 3;
export const ATTEMPTS_MAX = 3;
const PAUSE_MAX_MS = 4_000;

/** Pause after the `call`-th call (from 0) for one payment. */
export function pauseBeforeCallMs(firstMs: number, call: number): number {
  return Math.min(firstMs * 2 ** call, PAUSE_MAX_MS);
}

/** The longest that asking the PSP can take. A claim's lease must be longer, or recovery would cut into it. */
export function askingMaxMs(timeoutMs: number): number {
  const lookupsMax = ATTEMPTS_MAX;
  const callsMax = ATTEMPTS_MAX * SAME_KEY_CALLS_MAX + lookupsMax;
  return callsMax * (timeoutMs + PAUSE_MAX_MS);
}

/** What to do after an answer of the PSP. The first four end the attempt, the last three ask on. */
export type Step =
  | { do: 'succeed'; payment: TossPayment }
  | { do: 'fail'; code: string; message: string }
  | {
      do: 'release';
      because: 'unusable-key' | 'misconfiguration' | 'not-sent';
      code: string;
      message: string;
    }
  | { do: 'leave-unknown'; reason: string; alarm: boolean }
  | { do: 'look-up' }
  | { do: 'repeat-same-key' }
  | { do: 'new-attempt' };

/** What ends an attempt. */
export type Ending = Exclude<Step, { do: 'look-up' | 'repeat-same-key' | 'new-attempt' }>;

export interface Progress {
  asked: 'confirm' | 'lookup';
  /** Confirm calls made under the current idempotency key. */
  sameKeyCalls: number;
  /** Idempotency keys used in this claim. */
  attempts: number;
}

export type Claimed = Pick<Payment, 'orderId' | 'paymentKey' | 'totalAmount' | 'currency'>;

/** Is the PSP's payment the one of this order, in every respect? A DONE payment of somebody else pays nothing. */
export function matches(payment: Claimed, psp: TossPayment): boolean {
  return (
    psp.paymentKey === payment.paymentKey &&
    psp.orderId === payment.orderId &&
    psp.totalAmount === payment.totalAmount &&
    psp.currency === payment.currency
  );
}

export const mismatch = (psp: TossPayment): string =>
  `the PSP's ${psp.status} payment is not this order's: ${psp.orderId}, ${psp.totalAmount} ${psp.currency}`;

function stepAfterPayment(payment: Claimed, psp: TossPayment, progress: Progress): Step {
  if (!matches(payment, psp)) return { do: 'leave-unknown', reason: mismatch(psp), alarm: true };
  switch (psp.status) {
    case 'DONE':
      return { do: 'succeed', payment: psp };
    case 'ABORTED':
    case 'EXPIRED':
      return { do: 'fail', code: psp.status, message: `the payment is ${psp.status} at the PSP` };
    case 'IN_PROGRESS':
      if (progress.asked === 'confirm') return { do: 'look-up' };
      if (progress.attempts < ATTEMPTS_MAX) return { do: 'new-attempt' };
      return {
        do: 'leave-unknown',
        reason: `still IN_PROGRESS after ${progress.attempts} attempts`,
        alarm: false,
      };
    case 'READY':
    case 'WAITING_FOR_DEPOSIT':
    case 'CANCELED':
    case 'PARTIAL_CANCELED':
      return { do: 'leave-unknown', reason: `${psp.status} at the PSP`, alarm: false };
  }
}

/** Decides what an answer of the PSP means for the claimed payment. Pure; the table is that of `docs/states.md`. */
export function decide(payment: Claimed, answer: PspAnswer, progress: Progress): Step {
  const repeatOrLeave = (reason: string): Step =>
    progress.asked === 'confirm' && progress.sameKeyCalls < SAME_KEY_CALLS_MAX
      ? { do: 'repeat-same-key' }
      : { do: 'leave-unknown', reason, alarm: false };
  if (answer.kind === 'payment') return stepAfterPayment(payment, answer.payment, progress);
  // A lookup is no first call, sent or not: the confirm before it may have charged.
  const isFirstCall = progress.asked === 'confirm' && progress.attempts === 1 && progress.sameKeyCalls === 1;
  if (answer.kind === 'none') {
    if (answer.isSent === false && isFirstCall)
      return { do: 'release', because: 'not-sent', code: 'PSP_UNAVAILABLE', message: answer.reason };
    return repeatOrLeave(`no answer from the PSP: ${answer.reason}`);
  }
  const { code, message } = answer;
  // A lookup's error says nothing about the payment; recovery asks again later.
  if (progress.asked === 'lookup') return { do: 'leave-unknown', reason: `lookup: ${code}`, alarm: false };
  // A server's error and "too many requests" say nothing final, whatever their code.
  const isUnclear = answer.http >= 500 || answer.http === 429;
  const meaning = isUnclear && meaningOf(code) !== 'in-progress' ? 'unclear' : meaningOf(code);
  switch (meaning) {
    case 'refusal':
      return { do: 'fail', code, message };
    case 'misconfiguration':
    case 'unusable-key':
      // Only the claim's very first call proves that nothing was charged: an earlier one, whose answer was lost or
      // unclear, may have been approved.
      if (isFirstCall) return { do: 'release', because: meaning, code, message };
      return { do: 'leave-unknown', reason: `${code} after an earlier call`, alarm: true };
    case 'in-progress':
      return repeatOrLeave(`the PSP still works on the request: ${code}`);
    case 'already-processed':
    case 'unclear':
      return { do: 'look-up' };
  }
}
