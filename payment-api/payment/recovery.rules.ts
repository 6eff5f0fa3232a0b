import type { PspAnswer } from '../toss/toss-client';
import type { TossPayment } from '../toss/toss-payment';
import { matches, mismatch, type Ending } from './asking.rules';
import type { Payment } from './payment';

/** Toss ends a session this long after the shopper has authenticated. */
export const SESSION_MS = 10 * 60_000;
/** A payment that is not to be found yet is looked for again this soon. */
const WAIT_S = 30;

/** What recovery does with a payment whose outcome is open. The new attempt goes on asking; the others are an ending. */
export type RecoveryStep =
  | { do: 'succeed'; payment: TossPayment }
  /** Paid, and given back already. */
  | { do: 'succeed-and-cancel'; payment: TossPayment }
  | { do: 'fail'; code: string; message: string; mayComeLate: boolean }
  | { do: 'new-attempt' }
  | { do: 'wait'; reason: string; afterS: number }
  /** Nothing was learnt: later, less and less often. */
  | { do: 'ask-later'; reason: string; alarm: boolean };

export interface Age {
  /** Milliseconds since the confirm's claim, by the database's clock. */
  sinceClaimMs: number;
  pspTimeoutMs: number;
}

const NOT_THERE = new Set(['NOT_FOUND_PAYMENT', 'NOT_FOUND_PAYMENT_SESSION']);

export const isNotFound = (answer: PspAnswer): boolean =>
  answer.kind === 'error' && NOT_THERE.has(answer.code);

/** Has the PSP taken the money, whatever was given back since? */
export const isTaken = ({ status }: TossPayment): boolean =>
  status === 'DONE' || status === 'PARTIAL_CANCELED' || status === 'CANCELED';

/** Decides what the PSP's word means for a payment that is EXECUTING past its lease, or UNKNOWN. Pure. */
export function decideRecovery(payment: Payment, answer: PspAnswer, age: Age): RecoveryStep {
  if (answer.kind === 'none')
    return { do: 'ask-later', reason: `no answer from the PSP: ${answer.reason}`, alarm: false };
  if (answer.kind === 'error') {
    if (!isNotFound(answer)) return { do: 'ask-later', reason: `lookup: ${answer.code}`, alarm: false };
    return failOrWait(age, answer.code, 'the PSP does not know the payment');
  }
  const psp = answer.payment;
  if (!matches(payment, psp)) return { do: 'ask-later', reason: mismatch(psp), alarm: true };
  switch (psp.status) {
    case 'DONE':
      return { do: 'succeed', payment: psp };
    case 'CANCELED':
    case 'PARTIAL_CANCELED':
      return { do: 'succeed-and-cancel', payment: psp };
    case 'ABORTED':
    case 'EXPIRED':
      return {
        do: 'fail',
        code: psp.status,
        message: `the payment is ${psp.status} at the PSP`,
        mayComeLate: false,
      };
    case 'IN_PROGRESS':
      if (age.sinceClaimMs <= SESSION_MS) return { do: 'new-attempt' };
      return failOrWait(age, 'EXPIRED', 'not approved before its session ended');
    case 'READY':
      return failOrWait(age, 'EXPIRED', 'the shopper has not authenticated');
    case 'WAITING_FOR_DEPOSIT':
      return { do: 'ask-later', reason: 'the PSP waits for a deposit, but this is a card', alarm: true };
  }
}

/** As long as a call of ours may still be under way at the PSP, its absence proves nothing. */
function failOrWait({ sinceClaimMs, pspTimeoutMs }: Age, code: string, message: string): RecoveryStep {
  if (sinceClaimMs > SESSION_MS + pspTimeoutMs) return { do: 'fail', code, message, mayComeLate: true };
  return { do: 'wait', reason: message, afterS: WAIT_S };
}

/** How a new attempt ended, as recovery sees it: it never releases a claim that it has taken over. */
export function afterAttempt(ending: Ending): RecoveryStep {
  switch (ending.do) {
    case 'succeed':
      return ending;
    case 'fail':
      return { ...ending, mayComeLate: false };
    case 'release':
      return {
        do: 'ask-later',
        reason: `${ending.code}: ${ending.message}`,
        alarm: ending.because === 'misconfiguration',
      };
    case 'leave-unknown':
      return { do: 'ask-later', reason: ending.reason, alarm: ending.alarm };
  }
}

/** What a look at a payment that has ended here brings. */
export type SettledStep =
  | { do: 'nothing' }
  /** The PSP's back office may have given money back. */
  | { do: 'absorb'; payment: TossPayment }
  /** FAILURE here, but the money was taken: it goes back at once. */
  | { do: 'reverse'; payment: TossPayment }
  /** It has gone back, by a call of ours whose answer was lost or by somebody at the PSP. */
  | { do: 'note-reversed'; payment: TossPayment }
  | { do: 'ask-later'; reason: string; alarm: boolean };

export const LATE_APPROVAL_REVERSED = 'LATE_APPROVAL_REVERSED';

/** Decides what the PSP's word means for a payment that is paid, or FAILURE. Pure. */
export function decideSettled(payment: Payment, answer: PspAnswer): SettledStep {
  if (answer.kind === 'none')
    return { do: 'ask-later', reason: `no answer from the PSP: ${answer.reason}`, alarm: false };
  const hasFailed = payment.status === 'FAILURE';
  if (answer.kind === 'error') {
    if (!isNotFound(answer)) return { do: 'ask-later', reason: `lookup: ${answer.code}`, alarm: false };
    return hasFailed
      ? { do: 'nothing' }
      : { do: 'ask-later', reason: 'paid here, but the PSP does not know it', alarm: true };
  }
  const psp = answer.payment;
  if (!matches(payment, psp)) return { do: 'ask-later', reason: mismatch(psp), alarm: true };
  if (hasFailed) {
    if (!isTaken(psp)) return { do: 'nothing' };
    if (psp.balanceAmount > 0n) return { do: 'reverse', payment: psp };
    return payment.failure?.code === LATE_APPROVAL_REVERSED
      ? { do: 'nothing' }
      : { do: 'note-reversed', payment: psp };
  }
  if (!isTaken(psp))
    return { do: 'ask-later', reason: `${psp.status} at the PSP, but paid here`, alarm: true };
  return { do: 'absorb', payment: psp };
}
