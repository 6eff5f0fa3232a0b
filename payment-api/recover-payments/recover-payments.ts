import type { Clock } from '#kit/clock';
import type { Logger } from '#kit/log';
import { inTransaction } from '#prisma/transaction';
import { askCancel, type CancelAskingWorld } from '../payment/ask-cancel';
import { askPsp, summaryOf } from '../payment/ask-psp';
import type { Payment } from '../payment/payment';
import { absorbCancels, recordCancel } from '../payment/record-cancel';
import { recordFailure, recordSuccess, type RecordWorld } from '../payment/record-outcome';
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
} from './recover-payments.rules';
import * as store from './recover-payments.store';

export interface RecoveryWorld extends CancelAskingWorld, RecordWorld {
  clock: Clock;
  log: Logger;
  /** A claim is taken over when this time has passed; longer than asking the PSP can take. */
  claimLeaseMs: number;
  /** Time limit of one call to the PSP. */
  pspTimeoutMs: number;
  /** Told of everything that was taken over: how it ended. */
  count: (kind: store.Kind, outcome: string) => void;
}

type Open = Extract<store.Due, { sinceClaimMs: number }>;
type CancelDue = Extract<store.Due, { kind: 'cancel' }>;

/** A FAILURE for want of news is looked at once more: by then whatever was under way at the PSP has arrived. */
const LATE_APPROVAL_CHECK_AFTER_S = 3_600;
const AFTER_CANCEL_IN_FLIGHT_S = 60;
const TAKEN_OVER = 'taken-over';

/**
 * Takes over one payment or cancel that a process has left behind, asks the PSP what happened, and goes on from there.
 * Every write is fenced by the claim that was taken; who loses it leaves the rest to the one who has it.
 *
 * @returns false when nothing is due
 */
export async function recoverNext(world: RecoveryWorld): Promise<boolean> {
  for (const kind of store.KINDS) {
    const token = world.ids.token();
    const due = await inTransaction(world.db, (tx) => store.takeOver(tx, kind, token, world.claimLeaseMs));
    if (due === undefined) continue;
    const outcome = await recover(world, due);
    world.count(kind, outcome);
    world.log.info({ orderId: due.payment.orderId, kind, outcome }, 'recovered');
    return true;
  }
  return false;
}

function recover(world: RecoveryWorld, due: store.Due): Promise<string> {
  if (due.kind === 'cancel') return recoverCancel(world, due);
  return due.kind === 'settled' ? lookAtSettled(world, due.payment) : recoverOpen(world, due);
}

/** A look by payment key; where the PSP does not know that, whatever else was paid for the order. */
async function lookUp({ psp, log }: RecoveryWorld, { orderId, paymentKey }: Payment): Promise<PspAnswer> {
  if (paymentKey === null) throw new Error(`order ${orderId} was claimed without a payment key`);
  const byKey = await psp.lookUp(paymentKey);
  const byOrder = isNotFound(byKey) ? await psp.lookUpOrder(orderId) : undefined;
  // Other tries of the shopper's that took no money are no news.
  const isNews = byOrder?.kind === 'none' || (byOrder?.kind === 'payment' && isTaken(byOrder.payment));
  const answer = byOrder !== undefined && isNews ? byOrder : byKey;
  log.info({ orderId, answer: summaryOf(answer) }, 'looked the payment up');
  return answer;
}

async function recoverOpen(world: RecoveryWorld, { payment, sinceClaimMs }: Open): Promise<string> {
  const { pspTimeoutMs } = world;
  const step = decideRecovery(payment, await lookUp(world, payment), { sinceClaimMs, pspTimeoutMs });
  if (step.do !== 'new-attempt') return recordStep(world, payment, step);
  const begun = await inTransaction(world.db, (tx) => store.beginAttempt(tx, payment));
  if (begun === undefined) return TAKEN_OVER;
  return recordStep(world, begun, afterAttempt(await askPsp(world, begun, world.log)));
}

/** Writes down what was learnt, fenced by the claim. */
async function recordStep(world: RecoveryWorld, payment: Payment, step: RecoveryStep): Promise<string> {
  const { db } = world;
  switch (step.do) {
    case 'succeed':
    case 'succeed-and-cancel':
      return succeed(world, payment, step.payment);
    case 'fail': {
      const failure = {
        ...step,
        changedBy: 'recovery' as const,
        ...(step.mayComeLate ? { checkAgainAfterS: LATE_APPROVAL_CHECK_AFTER_S } : {}),
      };
      const isRecorded = await inTransaction(db, (tx) => recordFailure(tx, payment, failure));
      return isRecorded ? 'failure' : TAKEN_OVER;
    }
    case 'wait': {
      const { reason, afterS } = step;
      const isRecorded = await inTransaction(db, (tx) => store.lookLater(tx, payment, reason, afterS));
      return isRecorded ? 'waiting' : TAKEN_OVER;
    }
    case 'ask-later':
      return askLater(world, payment, step);
    case 'new-attempt':
      throw new Error(`order ${payment.orderId}: an attempt that ends in an attempt`);
  }
}

/** Paid; what was given back meanwhile is taken over in the same transaction. */
async function succeed(world: RecoveryWorld, payment: Payment, psp: TossPayment): Promise<string> {
  const { db, log, clock } = world;
  const approvedAt = psp.approvedAt ?? clock();
  return inTransaction(db, async (tx) => {
    const paid = await recordSuccess(tx, world, payment, {
      psp,
      approvedAt,
      changedBy: 'recovery',
      reason: 'PAYMENT_CONFIRMATION_RECOVERED',
      traceparent: null,
    });
    if (paid === undefined) return TAKEN_OVER;
    const { outcome } = await absorbCancels(tx, world, paid, { psp, changedBy: 'recovery' }, log);
    return outcome === 'nothing' ? 'success' : `success, canceled ${outcome}`;
  });
}

async function askLater(
  { db, log }: RecoveryWorld,
  payment: Payment,
  { reason, alarm }: { reason: string; alarm: boolean },
): Promise<string> {
  const counted = await inTransaction(db, (tx) => store.countFailedLook(tx, payment, reason));
  if (counted === undefined) return TAKEN_OVER;
  const { orderId, status } = payment;
  const line = { orderId, status, reason, failedCount: counted.failedCount };
  if (alarm || counted.isAlarming) log.error(line, 'ALARM: the PSP does not tell what became of the payment');
  else log.warn(line, 'the PSP does not tell yet what became of the payment');
  return 'later';
}

/** A payment that has ended here, and a webhook (or our own caution) that asks for a look. */
async function lookAtSettled(world: RecoveryWorld, payment: Payment): Promise<string> {
  const { db } = world;
  const step = decideSettled(payment, await lookUp(world, payment));
  switch (step.do) {
    case 'nothing': {
      const isRecorded = await inTransaction(db, (tx) => store.endLook(tx, payment));
      return isRecorded ? 'nothing' : TAKEN_OVER;
    }
    case 'absorb':
      return absorb(world, payment, step.payment);
    case 'reverse':
      return reverse(world, payment, step);
    case 'note-reversed':
      return noteReversal(world, payment, step.payment);
    case 'ask-later':
      return askLater(world, payment, step);
  }
}

async function absorb(world: RecoveryWorld, payment: Payment, psp: TossPayment): Promise<string> {
  const { db, log } = world;
  return inTransaction(db, async (tx) => {
    // The fence first: it locks the row, and what was decided by an old look is not written.
    if (!(await store.endLook(tx, payment))) return TAKEN_OVER;
    const ended = { ...payment, claimToken: null };
    const { outcome } = await absorbCancels(tx, world, ended, { psp, changedBy: 'webhook-lookup' }, log);
    if (outcome === 'in-flight')
      await store.lookLater(tx, ended, 'a cancel is under way', AFTER_CANCEL_IN_FLIGHT_S);
    return outcome === 'nothing' ? 'nothing' : `canceled ${outcome}`;
  });
}

/** The order failed here and the shopper was told so: what the PSP took afterwards goes back at once. */
async function reverse(
  world: RecoveryWorld,
  payment: Payment,
  { payment: psp }: Extract<SettledStep, { do: 'reverse' }>,
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
    return noteReversal(world, payment, answer.payment);
  return askLater(world, payment, { reason: `not reversed: ${summaryOf(answer)}`, alarm: true });
}

async function noteReversal({ db }: RecoveryWorld, payment: Payment, psp: TossPayment): Promise<string> {
  const message = `${psp.totalAmount} ${psp.currency} were approved late and given back`;
  const isRecorded = await inTransaction(db, (tx) => store.noteReversal(tx, payment, message));
  return isRecorded ? 'late approval reversed' : TAKEN_OVER;
}

/** Whether it was ever asked for is not known: look for it at the PSP first. */
async function recoverCancel(world: RecoveryWorld, due: CancelDue): Promise<string> {
  const { paymentKey, orderId } = due.payment;
  const { cancelId } = due.cancel;
  if (paymentKey === null) throw new Error(`order ${orderId} was paid without a payment key`);
  const changedBy = 'recovery';
  const asked = { paymentKey, cancel: due.cancel, changedBy, start: 'lookup' } as const;
  const { cancel, ending } = await askCancel(world, asked, world.log);
  if (ending === undefined) return TAKEN_OVER;
  const recorded = await inTransaction(world.db, (tx) =>
    recordCancel(tx, world, cancel, { ending, changedBy, traceparent: null }),
  );
  if (recorded?.status === 'UNKNOWN' && (recorded.failedCount >= CANCEL_ALARM_FROM || isAlarm(ending)))
    world.log.error({ orderId, cancelId, ending }, 'ALARM: the PSP does not tell what became of the cancel');
  return recorded?.status ?? TAKEN_OVER;
}

/** As many looks as a payment's line has by default. */
const CANCEL_ALARM_FROM = 5;

const isAlarm = (ending: { do: string; alarm?: boolean }): boolean => ending.alarm === true;
