import type { PaymentCanceled } from '#contracts/generated-types';
import type { Logger } from '#kit/log';
import { sumWon } from '#kit/money';
import { Prisma, type Tx } from '#prisma/database';
import { depart } from '#prisma/outbox';
import { isInFlight, isNothingToCancel, type CancelEnding } from './cancel.rules';
import { cancelLineNos, cancelsOf, insertCancel, insertCancelLines, moveCancel } from './cancel.store';
import type { Cancel, ChangedBy, Payment, PaymentLine } from './payment';
import { linesOf, lockPayment, movePayment } from './payment.store';
import type { RecordWorld } from './record-outcome';
import { LATE_CANCEL_CHECK_AFTER_S, nextCheckAfterS } from './recheck.rules';
import type { TossPayment } from '../toss/toss-payment';

const FAILURE_CODE_CHARACTERS_MAX = 100;
const FAILURE_MESSAGE_CHARACTERS_MAX = 500;

interface LinesCanceled {
  cancelId: string;
  lines: readonly PaymentLine[];
  canceledAt: Date;
  changedBy: ChangedBy;
  reason: string;
  traceparent: string | null;
}

/**
 * Takes lines back: line statuses and histories, the payment's status, and `PaymentCanceled` with the next number of the
 * order's sequence. The wallet is not done again until its debit is acknowledged. The payment must be locked.
 *
 * @returns the payment as it stands now
 */
export async function cancelLines(
  tx: Tx,
  { encode, ids }: RecordWorld,
  payment: Payment,
  { cancelId, lines, canceledAt, changedBy, reason, traceparent }: LinesCanceled,
): Promise<Payment & { status: 'PARTIAL_CANCELED' | 'CANCELED' }> {
  const left =
    (await linesOf(tx, payment)).filter(({ status }) => status === 'SUCCESS').length - lines.length;
  const to = left === 0 ? 'CANCELED' : 'PARTIAL_CANCELED';
  await movePayment(tx, payment, {
    to,
    changedBy,
    reason,
    lines,
    set: Prisma.sql`is_wallet_done = FALSE, last_event_seq = last_event_seq + 1, claim_token = NULL`,
  });
  const seq = payment.lastEventSeq + 1;
  await depart(tx, encode, [
    {
      eventId: ids.eventId(),
      topic: 'payment',
      aggregateId: payment.orderId,
      seq,
      record: 'payment.PaymentCanceled',
      value: paymentCanceled(payment, { cancelId, lines, canceledAt }),
      idempotencyKey: `payment.PaymentCanceled:${cancelId}`,
      traceparent,
    },
  ]);
  return { ...payment, status: to, claimToken: null, lastEventSeq: seq, isWalletDone: false };
}

function paymentCanceled(
  payment: Payment,
  { cancelId, lines, canceledAt }: Pick<LinesCanceled, 'cancelId' | 'lines' | 'canceledAt'>,
): PaymentCanceled {
  if (payment.paymentKey === null) throw new Error(`order ${payment.orderId} has no payment key`);
  return {
    orderId: payment.orderId,
    paymentKey: payment.paymentKey,
    currency: payment.currency,
    cancelId,
    cancelAmount: sumWon(lines.map(({ amount }) => amount)),
    canceledAt,
    lines: lines.map((line) => ({
      paymentOrderNo: Number(line.no),
      sellerNo: Number(line.sellerNo),
      productNo: Number(line.productNo),
      amount: line.amount,
    })),
  };
}

/**
 * Writes down how a cancel of ours ended, fenced by its claim, in the caller's transaction. Money that went back for a
 * cancel that somebody else has closed without it is an alarm, and due for a look.
 *
 * @returns the cancel as it stands now; `undefined` when somebody else has taken over and nothing was written
 */
export async function recordCancel(
  tx: Tx,
  world: RecordWorld,
  cancel: Cancel,
  ended: { ending: CancelEnding; changedBy: ChangedBy; traceparent: string | null },
  log: Logger,
): Promise<Cancel | undefined> {
  const { ending, changedBy, traceparent } = ended;
  // The payment first, then what belongs to it: everybody locks in this order.
  const payment = await lockPayment(tx, cancel.orderId);
  if (payment === undefined) throw new Error(`order ${cancel.orderId} has vanished`);
  if (ending.do === 'fail') return recordCancelFailure(tx, cancel, ending, changedBy);
  if (ending.do === 'leave-unknown') return leaveCancelUnknown(tx, cancel, changedBy);
  const { entry } = ending;
  const lineNos = await cancelLineNos(tx, cancel.no);
  const lines = (await linesOf(tx, payment)).filter(({ no }) => lineNos.has(no));
  const resultingStatus = await settle(tx, cancel, payment, lines);
  const succeeded: Cancel = {
    ...cancel,
    status: 'SUCCESS',
    claimToken: null,
    transactionKey: entry.transactionKey,
    canceledAt: entry.canceledAt,
    resultingStatus,
    eventSeq: payment.lastEventSeq + 1,
  };
  const moved = await moveCancel(tx, cancel, {
    to: 'SUCCESS',
    changedBy,
    set: Prisma.sql`claim_token = NULL, next_check_at = NULL, called_at = NOW(3),
      transaction_key = ${entry.transactionKey}, canceled_at = ${entry.canceledAt},
      resulting_status = ${resultingStatus}, event_seq = ${succeeded.eventSeq}`,
  });
  if (!moved) {
    await lookAgainWhenClosedWithout(tx, cancel, entry.transactionKey, log);
    return undefined;
  }
  const { reason, cancelId } = cancel;
  await cancelLines(tx, world, payment, {
    cancelId,
    lines,
    canceledAt: entry.canceledAt,
    changedBy,
    reason: `PAYMENT_CANCELED: ${reason}`,
    traceparent,
  });
  await lookAgainWhenOthersCanceled(tx, payment, ending.psp);
  return succeeded;
}

/** What the payment will be once these lines are canceled. */
async function settle(
  tx: Tx,
  cancel: Cancel,
  payment: Payment,
  lines: readonly PaymentLine[],
): Promise<'PARTIAL_CANCELED' | 'CANCELED'> {
  if (sumWon(lines.map(({ amount }) => amount)) !== cancel.cancelAmount)
    throw new Error(`cancel ${cancel.cancelId}: its lines do not sum to ${cancel.cancelAmount}`);
  const paid = (await linesOf(tx, payment)).filter(({ status }) => status === 'SUCCESS');
  return paid.length === lines.length ? 'CANCELED' : 'PARTIAL_CANCELED';
}

/** The PSP's back office may have been at work too: its entries are taken over by the next look. */
async function lookAgainWhenOthersCanceled(tx: Tx, payment: Payment, psp: TossPayment): Promise<void> {
  const ours = new Set((await cancelsOf(tx, payment.no)).map(({ transactionKey }) => transactionKey));
  if (psp.cancels.every(({ transactionKey }) => ours.has(transactionKey))) return;
  await lookSoon(tx, payment.no);
}

/** Whoever has taken the cancel over and is still at it finds the money where we did; nobody does once it is closed. */
async function lookAgainWhenClosedWithout(
  tx: Tx,
  { no, paymentNo, orderId, cancelId }: Cancel,
  transactionKey: string,
  log: Logger,
): Promise<void> {
  const ours = await cancelsOf(tx, paymentNo);
  const today = ours.find((cancel) => cancel.no === no);
  if (today === undefined || isInFlight(today.status)) return;
  if (ours.some((cancel) => cancel.transactionKey === transactionKey)) return;
  log.error(
    { orderId, cancelId, transactionKey, status: today.status },
    'ALARM: the PSP has given money back for a cancel that was closed meanwhile; it is looked at again',
  );
  await lookSoon(tx, paymentNo);
}

/** Makes the payment due for a look; one that is running is not cut short, and is followed by another. */
async function lookSoon(tx: Tx, paymentNo: bigint): Promise<void> {
  await tx.execute`
    UPDATE payment_events
    SET check_requested = (claim_token IS NOT NULL), next_check_at = IF(claim_token IS NULL, NOW(3), next_check_at)
    WHERE no = ${paymentNo}`;
}

/**
 * A call of a cancel that has failed, under an earlier key, may still be under way, and the PSP may do it after all. What
 * is due before that stays due, and the end of every look plans this one again (`endLook`).
 */
async function lookForLateCancel(tx: Tx, paymentNo: bigint): Promise<void> {
  const late = Prisma.sql`NOW(3) + INTERVAL ${LATE_CANCEL_CHECK_AFTER_S} SECOND`;
  await tx.execute`
    UPDATE payment_events
    SET next_check_at = IF(claim_token IS NULL, LEAST(COALESCE(next_check_at, ${late}), ${late}), next_check_at)
    WHERE no = ${paymentNo}`;
}

async function recordCancelFailure(
  tx: Tx,
  cancel: Cancel,
  { code, message }: { code: string; message: string },
  changedBy: ChangedBy,
): Promise<Cancel | undefined> {
  const failure = {
    code: code.slice(0, FAILURE_CODE_CHARACTERS_MAX),
    message: message.slice(0, FAILURE_MESSAGE_CHARACTERS_MAX),
  };
  const moved = await moveCancel(tx, cancel, {
    to: 'FAILURE',
    changedBy,
    set: Prisma.sql`claim_token = NULL, next_check_at = NULL, called_at = NOW(3), failure_code = ${failure.code},
      failure_message = ${failure.message}`,
  });
  if (!moved) return undefined;
  // Less is left at the PSP than we thought: there may be a cancel that we do not know of.
  if (isNothingToCancel(code)) await lookSoon(tx, cancel.paymentNo);
  else if (cancel.attempt > 1) await lookForLateCancel(tx, cancel.paymentNo);
  return { ...cancel, status: 'FAILURE', claimToken: null, failure };
}

async function leaveCancelUnknown(tx: Tx, cancel: Cancel, changedBy: ChangedBy): Promise<Cancel | undefined> {
  const moved = await moveCancel(tx, cancel, {
    to: 'UNKNOWN',
    changedBy,
    set: Prisma.sql`claim_token = NULL, failed_count = failed_count + 1,
      next_check_at = NOW(3) + INTERVAL ${nextCheckAfterS(cancel.failedCount)} SECOND`,
  });
  return moved
    ? { ...cancel, status: 'UNKNOWN', claimToken: null, failedCount: cancel.failedCount + 1 }
    : undefined;
}

/**
 * Takes over what the PSP's back office has given back: when nothing is left there, all remaining lines; a part becomes
 * an UNALLOCATED cancel, which an administrator allocates to lines. The payment must be locked.
 *
 * @returns `in-flight` when a cancel of ours may explain it: look again when that has ended
 */
export async function absorbCancels(
  tx: Tx,
  world: RecordWorld,
  payment: Payment,
  { psp, changedBy }: { psp: TossPayment; changedBy: ChangedBy },
  log: Logger,
): Promise<{ payment: Payment; outcome: 'nothing' | 'in-flight' | 'whole' | 'partial' }> {
  const ours = await cancelsOf(tx, payment.no);
  if (ours.some(({ status }) => isInFlight(status))) return { payment, outcome: 'in-flight' };
  const known = new Set(ours.map(({ transactionKey }) => transactionKey));
  const fresh = psp.cancels.filter(({ transactionKey }) => !known.has(transactionKey));
  const unallocated = ours.filter(({ status }) => status === 'UNALLOCATED');
  const isWhole = psp.balanceAmount === 0n && payment.status !== 'CANCELED';
  if (fresh.length === 0 && !(isWhole && unallocated.length > 0)) return { payment, outcome: 'nothing' };
  const rows = [...unallocated];
  for (const entry of fresh) {
    const cancelId = world.ids.token();
    const { transactionKey, canceledAt, cancelAmount, refundableAmount, reason } = entry;
    await insertCancel(tx, {
      cancelId,
      paymentNo: payment.no,
      orderId: payment.orderId,
      status: 'UNALLOCATED',
      cancelAmount,
      refundableAmount: refundableAmount + cancelAmount,
      reason,
      claim: null,
      idempotency: null,
      done: { transactionKey, canceledAt },
    });
    rows.push(...(await cancelsOf(tx, payment.no)).filter((row) => row.cancelId === cancelId));
  }
  if (!isWhole) {
    const { orderId } = payment;
    log.error(
      { orderId, cancels: fresh.length },
      'ALARM: a part was canceled at the PSP; allocate it to lines',
    );
    return { payment, outcome: 'partial' };
  }
  const lines = (await linesOf(tx, payment)).filter(({ status }) => status === 'SUCCESS');
  const last = rows.at(-1);
  if (last === undefined) throw new Error(`order ${payment.orderId}: canceled without a cancel`);
  return { payment: await allocate(tx, world, payment, { rows, last, lines, changedBy }), outcome: 'whole' };
}

/**
 * Gives UNALLOCATED cancels their lines, with one event under the last one's id. The payment must be locked.
 *
 * @throws Error when the lines do not sum to what the PSP gave back
 */
export async function allocate(
  tx: Tx,
  world: RecordWorld,
  payment: Payment,
  allocation: { rows: readonly Cancel[]; last: Cancel; lines: readonly PaymentLine[]; changedBy: ChangedBy },
): Promise<Payment> {
  const { rows, last, lines, changedBy } = allocation;
  if (sumWon(rows.map((row) => row.cancelAmount)) !== sumWon(lines.map(({ amount }) => amount)))
    throw new Error(`order ${payment.orderId}: the lines do not sum to what the PSP gave back`);
  const after = await cancelLines(tx, world, payment, {
    cancelId: last.cancelId,
    lines,
    canceledAt: last.canceledAt ?? new Date(0),
    changedBy,
    reason: `PAYMENT_CANCELED at the PSP: ${last.reason}`,
    traceparent: null,
  });
  for (const row of rows) {
    const moved = await moveCancel(tx, row, {
      to: 'SUCCESS',
      changedBy,
      set: Prisma.sql`resulting_status = ${after.status}, event_seq = ${after.lastEventSeq}`,
    });
    if (!moved) throw new Error(`cancel ${row.cancelId} moved under its payment's lock`);
  }
  await insertCancelLines(tx, last.no, lines);
  return after;
}
