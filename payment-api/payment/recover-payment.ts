import type { Clock } from '#kit/clock';
import type { Logger } from '#kit/log';
import { inTransaction } from '#prisma/transaction';
import { askCancel, type CancelAskingWorld } from './ask-cancel';
import { askPsp, summaryOf } from './ask-psp';
import type { Cancel, ChangedBy, Payment } from './payment';
import { ClaimLostError, linesOf } from './payment.store';
import { absorbCancels, recordCancel } from './record-cancel';
import { recordFailure, recordSuccess, type RecordWorld } from './record-outcome';
import type { PspAnswer } from '../toss/toss-client';
import type { TossPayment } from '../toss/toss-payment';
import {
  afterAttempt,
  decideRecovery,
  decideSettled,
  isNotFound,
  isTaken,
  type RecoveryStep,
  type SettledStep,
} from './recovery.rules';
import * as store from './recovery.store';

/** What a process needs that takes over a payment. */
export interface TakeOverWorld extends CancelAskingWorld, RecordWorld {
  clock: Clock;
  log: Logger;
  /** A claim is taken over when this time has passed; longer than asking the PSP can take. */
  claimLeaseMs: number;
  /** Time limit of one call to the PSP. */
  pspTimeoutMs: number;
}

/** What was taken over: only writes under its claim token hold. */
export type TakenOver =
  /** Its outcome is open: EXECUTING or UNKNOWN. */
  | { kind: 'open'; payment: Payment; sinceClaimMs: number }
  /** It has ended here, and something asks for a look. */
  | { kind: 'settled'; payment: Payment }
  | { kind: 'cancel'; cancel: Cancel; payment: Payment };

type Open = Extract<TakenOver, { kind: 'open' }>;
type CancelTaken = Extract<TakenOver, { kind: 'cancel' }>;

/** A FAILURE for want of news is looked at once more: by then whatever was under way at the PSP has arrived. */
const LATE_APPROVAL_CHECK_AFTER_S = 3_600;
const AFTER_CANCEL_IN_FLIGHT_S = 60;
export const TAKEN_OVER = 'taken-over';

/**
 * Asks the PSP what happened to a payment or a cancel that was taken over, and goes on from there. Every write is
 * fenced by the claim; who loses it leaves the rest to the one who has it. Reconciliation looks and records, and never
 * asks the PSP to approve anything.
 *
 * @returns in a word, how it ended
 */
export async function recoverPayment(
  world: TakeOverWorld,
  taken: TakenOver,
  changedBy: ChangedBy,
): Promise<string> {
  try {
    if (taken.kind === 'cancel') return await recoverCancel(world, taken, changedBy);
    return taken.kind === 'settled'
      ? await lookAtSettled(world, taken.payment, changedBy)
      : await recoverOpen(world, taken, changedBy);
  } catch (error) {
    if (error instanceof ClaimLostError) return TAKEN_OVER;
    throw error;
  }
}

/** A look by payment key; where the PSP does not know that, whatever else was paid for the order. */
async function lookUp({ psp, log }: TakeOverWorld, { orderId, paymentKey }: Payment): Promise<PspAnswer> {
  if (paymentKey === null) throw new Error(`order ${orderId} was claimed without a payment key`);
  const byKey = await psp.lookUp(paymentKey);
  const byOrder = isNotFound(byKey) ? await psp.lookUpOrder(orderId) : undefined;
  // Other tries of the shopper's that took no money are no news.
  const isNews = byOrder?.kind === 'none' || (byOrder?.kind === 'payment' && isTaken(byOrder.payment));
  const answer = byOrder !== undefined && isNews ? byOrder : byKey;
  log.info({ orderId, answer: summaryOf(answer) }, 'looked the payment up');
  return answer;
}

async function recoverOpen(
  world: TakeOverWorld,
  { payment, sinceClaimMs }: Open,
  changedBy: ChangedBy,
): Promise<string> {
  const { pspTimeoutMs } = world;
  const step = decideRecovery(payment, await lookUp(world, payment), { sinceClaimMs, pspTimeoutMs });
  if (step.do !== 'new-attempt') return recordStep(world, payment, step, changedBy);
  if (changedBy === 'reconcile') return recordStep(world, payment, LEFT_TO_RECOVERY, changedBy);
  const begun = await inTransaction(world.db, (tx) => store.beginAttempt(tx, payment));
  return recordStep(world, begun, afterAttempt(await askPsp(world, begun, world.log)), changedBy);
}

const LEFT_TO_RECOVERY: RecoveryStep = {
  do: 'wait',
  reason: 'not approved at the PSP yet: recovery goes on',
  afterS: 0,
};

/** Writes down what was learnt, fenced by the claim. */
async function recordStep(
  world: TakeOverWorld,
  payment: Payment,
  step: RecoveryStep,
  changedBy: ChangedBy,
): Promise<string> {
  const { db } = world;
  switch (step.do) {
    case 'succeed':
    case 'succeed-and-cancel':
      return succeed(world, payment, step.payment, changedBy);
    case 'fail': {
      const failure = {
        ...step,
        changedBy,
        ...(step.mayComeLate ? { checkAgainAfterS: LATE_APPROVAL_CHECK_AFTER_S } : {}),
      };
      await inTransaction(db, (tx) => recordFailure(tx, payment, failure));
      return 'failure';
    }
    case 'wait': {
      const { reason, afterS } = step;
      await inTransaction(db, (tx) => store.lookLater(tx, payment, { reason, afterS, changedBy }));
      return 'waiting';
    }
    case 'ask-later':
      return askLater(world, payment, step, changedBy);
    case 'new-attempt':
      throw new Error(`order ${payment.orderId}: an attempt that ends in an attempt`);
  }
}

/** Paid; what was given back meanwhile is taken over in the same transaction. */
async function succeed(
  world: TakeOverWorld,
  payment: Payment,
  psp: TossPayment,
  changedBy: ChangedBy,
): Promise<string> {
  const { db, log, clock } = world;
  const approvedAt = psp.approvedAt ?? clock();
  return inTransaction(db, async (tx) => {
    const lines = await linesOf(tx, payment);
    const paid = await recordSuccess(
      tx,
      world,
      { ...payment, lines },
      {
        psp,
        approvedAt,
        changedBy,
        reason: 'PAYMENT_CONFIRMATION_RECOVERED',
        traceparent: null,
      },
    );
    const { outcome } = await absorbCancels(tx, world, paid, { psp, changedBy }, log);
    return outcome === 'nothing' ? 'success' : `success, canceled ${outcome}`;
  });
}

async function askLater(
  { db, log }: TakeOverWorld,
  payment: Payment,
  { reason, alarm }: { reason: string; alarm: boolean },
  changedBy: ChangedBy,
): Promise<string> {
  const counted = await inTransaction(db, (tx) => store.countFailedLook(tx, payment, { reason, changedBy }));
  const { orderId, status } = payment;
  const line = { orderId, status, reason, failedCount: counted.failedCount };
  if (alarm || counted.isAlarming) log.error(line, 'ALARM: the PSP does not tell what became of the payment');
  else log.warn(line, 'the PSP does not tell yet what became of the payment');
  return 'later';
}

/** A payment that has ended here, and a webhook (or our own caution) that asks for a look. */
async function lookAtSettled(world: TakeOverWorld, payment: Payment, changedBy: ChangedBy): Promise<string> {
  const { db } = world;
  const step = decideSettled(payment, await lookUp(world, payment));
  switch (step.do) {
    case 'nothing': {
      await inTransaction(db, (tx) => store.endLook(tx, payment));
      return 'nothing';
    }
    case 'absorb':
      return absorb(world, payment, step.payment, changedBy);
    case 'reverse':
      return reverse(world, payment, step, changedBy);
    case 'note-reversed':
      return noteReversal(world, payment, step.payment, changedBy);
    case 'ask-later':
      return askLater(world, payment, step, changedBy);
  }
}

async function absorb(
  world: TakeOverWorld,
  payment: Payment,
  psp: TossPayment,
  changedBy: ChangedBy,
): Promise<string> {
  const { db, log } = world;
  return inTransaction(db, async (tx) => {
    // The fence first: it locks the row, and what was decided by an old look is not written.
    await store.endLook(tx, payment);
    const ended = { ...payment, claimToken: null };
    const { outcome } = await absorbCancels(tx, world, ended, { psp, changedBy }, log);
    if (outcome === 'in-flight')
      await store.lookLater(tx, ended, {
        reason: 'a cancel is under way',
        afterS: AFTER_CANCEL_IN_FLIGHT_S,
        changedBy,
      });
    return outcome === 'nothing' ? 'nothing' : `canceled ${outcome}`;
  });
}

/** The order failed here and the shopper was told so: what the PSP took afterwards goes back at once. */
async function reverse(
  world: TakeOverWorld,
  payment: Payment,
  { payment: psp }: Extract<SettledStep, { do: 'reverse' }>,
  changedBy: ChangedBy,
): Promise<string> {
  const { orderId, paymentKey, claimToken } = payment;
  if (paymentKey === null || claimToken === null) throw new Error(`order ${orderId} is not held`);
  world.log.error({ orderId, amount: String(psp.balanceAmount) }, 'ALARM: approved after it had failed here');
  const { balanceAmount: amount } = psp;
  const answer = await world.psp.cancel(
    { paymentKey, cancelReason: 'late approval', cancelAmount: amount, refundableAmount: amount },
    `reverse:${orderId}:${claimToken}`,
  );
  if (answer.kind === 'payment' && answer.payment.balanceAmount === 0n)
    return noteReversal(world, payment, answer.payment, changedBy);
  const reason = `not reversed: ${summaryOf(answer)}`;
  return askLater(world, payment, { reason, alarm: true }, changedBy);
}

async function noteReversal(
  { db }: TakeOverWorld,
  payment: Payment,
  psp: TossPayment,
  changedBy: ChangedBy,
): Promise<string> {
  const message = `${psp.totalAmount} ${psp.currency} were approved late and given back`;
  await inTransaction(db, (tx) => store.noteReversal(tx, payment, { message, changedBy }));
  return 'late approval reversed';
}

/** Whether it was ever asked for is not known: look for it at the PSP first. */
async function recoverCancel(
  world: TakeOverWorld,
  taken: CancelTaken,
  changedBy: ChangedBy,
): Promise<string> {
  const { paymentKey, orderId } = taken.payment;
  const { cancelId } = taken.cancel;
  if (paymentKey === null) throw new Error(`order ${orderId} was paid without a payment key`);
  const asked = { paymentKey, cancel: taken.cancel, changedBy, start: 'lookup' } as const;
  const { cancel, ending } = await askCancel(world, asked, world.log);
  if (ending === undefined) return TAKEN_OVER;
  const recorded = await inTransaction(world.db, (tx) =>
    recordCancel(tx, world, cancel, { ending, changedBy, traceparent: null }, world.log),
  );
  if (recorded?.status === 'UNKNOWN' && (recorded.failedCount >= CANCEL_ALARM_FROM || isAlarm(ending)))
    world.log.error({ orderId, cancelId, ending }, 'ALARM: the PSP does not tell what became of the cancel');
  return recorded?.status ?? TAKEN_OVER;
}

/** As many looks as a payment's line has by default. */
const CANCEL_ALARM_FROM = 5;

const isAlarm = (ending: { do: string; alarm?: boolean }): boolean => ending.alarm === true;
