import { createHash } from 'node:crypto';
import type { Logger } from '#kit/log';
import { Refusal } from '#kit/refusal';
import type { Tx } from '#prisma/database';
import { inTransaction, isDuplicateKey, LostCommitError } from '#prisma/transaction';
import type { Admission } from '../payment/admission';
import { askCancel, type CancelAskingWorld } from '../payment/ask-cancel';
import type { CancelEnding } from '../payment/cancel.rules';
import {
  cancelsOf,
  findCancel,
  findCancelByKey,
  insertCancel,
  insertCancelLines,
} from '../payment/cancel.store';
import type { Cancel } from '../payment/payment';
import { linesOf, lockPayment } from '../payment/payment.store';
import type { PspGate } from '../toss/psp-breaker';
import { recordCancel } from '../payment/record-cancel';
import type { RecordWorld } from '../payment/record-outcome';
import { admitCancel, answerOf } from './cancel-payment.rules';

export interface CancelWorld extends CancelAskingWorld, RecordWorld {
  /** After this time without a record, recovery takes a cancel over. */
  claimLeaseMs: number;
  pspGate: PspGate;
  admission: Admission;
}

export interface CancelCommand {
  orderId: string;
  cancelReason: string;
  /** All lines that are left when absent. */
  paymentOrderNos: readonly number[] | undefined;
  idempotencyKey: string;
  traceparent: string | null;
}

type Canceled = ReturnType<typeof answerOf>;

/**
 * Gives a payment's lines back: request → ask → decide → record. The row is there before the PSP is asked, so that a
 * crash between two steps leaves it to the worker's recovery, which looks for it at the PSP and goes on from there.
 *
 * @throws Refusal by the cancel table of the states
 */
export async function cancelPayment(
  world: CancelWorld,
  command: CancelCommand,
  log: Logger,
): Promise<{ canceled: Canceled; isReplay: boolean }> {
  const bodyHash = hashOf(command);
  const earlier = await findCancelByKey(world.db, command.idempotencyKey);
  if (earlier !== undefined) return replay(earlier, bodyHash);
  const shut = world.pspGate();
  if (shut !== undefined) throw shut;
  const token = world.ids.token();
  let requested: { cancel: Cancel; paymentKey: string };
  try {
    requested = await request(world, command, { bodyHash, token });
  } catch (error) {
    if (error instanceof LostCommitError) {
      requested = await requestAfterLostCommit(world, command, token, error);
      return finish(world, requested, command, log);
    }
    if (!isDuplicateKey(error)) throw error;
    // The unique keys decide who was first: with this idempotency key, or with this payment.
    const winner = await findCancelByKey(world.db, command.idempotencyKey);
    if (winner === undefined) throw new Refusal('PEC0005', { retryAfterSeconds: 1 });
    return replay(winner, bodyHash);
  }
  return finish(world, requested, command, log);
}

/** The row is there: asks the PSP and records what came of it. */
async function finish(
  world: CancelWorld,
  requested: { cancel: Cancel; paymentKey: string },
  command: CancelCommand,
  log: Logger,
): Promise<{ canceled: Canceled; isReplay: boolean }> {
  const { cancel, ending } = await askCancel(
    world,
    { ...requested, changedBy: 'cancel', start: 'cancel' },
    log,
  );
  const recorded =
    ending === undefined ? undefined : await record(world, cancel, ending, command.traceparent, log);
  return { canceled: answerOf(recorded ?? (await today(world, cancel, log))), isReplay: false };
}

/** The order is part of it: a key belongs to one request. */
function hashOf({ orderId, cancelReason, paymentOrderNos }: CancelCommand): string {
  const body = JSON.stringify([orderId, cancelReason, paymentOrderNos ?? null]);
  return createHash('sha256').update(body).digest('hex');
}

function replay(earlier: Cancel, bodyHash: string): { canceled: Canceled; isReplay: boolean } {
  if (earlier.bodyHash !== bodyHash) throw new Refusal('PEC0012');
  return { canceled: answerOf(earlier), isReplay: true };
}

/**
 * If the request was committed, recovery gives the money back in a while: "nothing happened" may be said only when the rows
 * say so, read behind the lock of a COMMIT that may still be under way.
 */
async function requestAfterLostCommit(
  { db }: CancelWorld,
  { orderId, idempotencyKey }: CancelCommand,
  token: string,
  error: LostCommitError,
): Promise<{ cancel: Cancel; paymentKey: string }> {
  const found = await inTransaction(
    db,
    async (tx) => {
      const payment = await lockPayment(tx, orderId);
      return { payment, cancel: await findCancelByKey(tx, idempotencyKey) };
    },
    { attemptsMax: 1 },
  ).catch(() => {
    throw new Refusal('PEC0007', { data: { orderId }, internal: `requested or not: ${String(error)}` });
  });
  const { payment, cancel } = found;
  if (cancel?.claimToken !== token || payment?.paymentKey == null) throw error;
  return { cancel, paymentKey: payment.paymentKey };
}

function request(
  { db, ids, claimLeaseMs, admission }: CancelWorld,
  command: CancelCommand,
  attempt: { bodyHash: string; token: string },
): Promise<{ cancel: Cancel; paymentKey: string }> {
  const { orderId, cancelReason: reason, paymentOrderNos, idempotencyKey: key } = command;
  const { bodyHash, token } = attempt;
  const work = async (tx: Tx): Promise<{ cancel: Cancel; paymentKey: string }> => {
    const payment = await lockPayment(tx, orderId);
    if (payment === undefined) throw new Refusal('PEC0003');
    const cancels = await cancelsOf(tx, payment.no);
    const admitted = admitCancel(payment, await linesOf(tx, payment), cancels, paymentOrderNos);
    if (payment.paymentKey === null) throw new Error(`order ${orderId} was paid without a payment key`);
    const cancelId = ids.token();
    const { cancelAmount, refundableAmount, lines } = admitted;
    const no = await insertCancel(tx, {
      cancelId,
      paymentNo: payment.no,
      orderId,
      status: 'REQUESTED',
      cancelAmount,
      refundableAmount,
      reason,
      claim: { token, leaseMs: claimLeaseMs },
      idempotency: { key, bodyHash },
      done: null,
    });
    await insertCancelLines(tx, no, lines);
    const cancel = await findCancel(tx, cancelId);
    if (cancel === undefined) throw new Error(`cancel ${cancelId} was not inserted`);
    return { cancel, paymentKey: payment.paymentKey };
  };
  return inTransaction(db, work, { waitingMax: admission.confirmWaitingMax });
}

async function record(
  world: CancelWorld,
  cancel: Cancel,
  ending: CancelEnding,
  traceparent: string | null,
  log: Logger,
): Promise<Cancel | undefined> {
  const { orderId, cancelId } = cancel;
  if (ending.do === 'leave-unknown' && ending.alarm)
    log.error({ orderId, cancelId, reason: ending.reason }, 'ALARM: the cancel needs a look');
  try {
    return await inTransaction(world.db, (tx) =>
      recordCancel(tx, world, cancel, { ending, changedBy: 'cancel', traceparent }, log),
    );
  } catch (error) {
    // The PSP may have given the money back: recovery finds it there and records it.
    log.error({ err: error, orderId, cancelId, ending: ending.do }, 'ALARM: the cancel was not recorded');
    throw new Refusal('PEC0007', { data: { orderId, cancelId } });
  }
}

/** Somebody else has taken the cancel over meanwhile; what stands there now is the answer. */
async function today({ db }: CancelWorld, cancel: Cancel, log: Logger): Promise<Cancel> {
  const now = await findCancel(db, cancel.cancelId);
  if (now === undefined) throw new Error(`cancel ${cancel.cancelId} has vanished`);
  log.warn({ orderId: now.orderId, cancelId: now.cancelId, status: now.status }, 'the cancel was taken over');
  return now;
}
