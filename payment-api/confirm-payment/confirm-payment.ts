import type { Clock } from '#kit/clock';
import type { Logger } from '#kit/log';
import type { Won } from '#kit/money';
import { Refusal } from '#kit/refusal';
import type { Database, Tx } from '#prisma/database';
import { endSession, inTransaction, isDuplicateKey, LostCommitError } from '#prisma/transaction';
import type { Admission } from '../payment/admission';
import { askPsp, type AskingWorld } from '../payment/ask-psp';
import type { Ending } from '../payment/asking.rules';
import type { ClaimedPayment, Payment } from '../payment/payment';
import { ClaimLostError, claimPayment, findPayment, linesOf, lockPayment } from '../payment/payment.store';
import { recordFailure, recordSuccess, type RecordWorld } from '../payment/record-outcome';
import { isPaid } from '../payment/states';
import type { PspGate } from '../toss/psp-breaker';
import { admit, refusedByPsp } from './confirm-payment.rules';
import * as store from './confirm-payment.store';

export interface ConfirmWorld extends AskingWorld, RecordWorld {
  clock: Clock;
  pspGate: PspGate;
  admission: Admission;
}

export interface ConfirmCommand {
  paymentKey: string;
  orderId: string;
  amount: Won;
  traceparent: string | null;
}

/**
 * Confirms a payment: claim → ask → decide → record. The PSP is asked outside any transaction. A crash between two
 * steps leaves EXECUTING with the claim, and the worker's recovery asks the PSP what happened.
 *
 * @returns the paid payment; the same request again gets the same answer and makes no second PSP call
 * @throws Refusal by the confirm table of the states
 */
export async function confirmPayment(
  world: ConfirmWorld,
  command: ConfirmCommand,
  log: Logger,
): Promise<Payment> {
  const { payment, isReplay } = await claim(world, command);
  if (isReplay) return payment;
  const ending = await askPsp(world, payment, log).catch((error: unknown) => {
    if (error instanceof ClaimLostError) return LEFT_TO_ANOTHER;
    return outcomeUnknown(payment, error, log);
  });
  return record(world, payment, ending, command.traceparent, log);
}

const LEFT_TO_ANOTHER: Ending = {
  do: 'leave-unknown',
  reason: 'another process has taken over',
  alarm: false,
};

type Claimed = { payment: ClaimedPayment; isReplay: false } | { payment: Payment; isReplay: true };

/** In the ordinary case one packet claims the payment. Why it could not be claimed is read under the row's lock. */
async function claim(world: ConfirmWorld, command: ConfirmCommand): Promise<Claimed> {
  const { db, ids, pspGate, admission } = world;
  const turn = { waitingMax: admission.confirmWaitingMax };
  const shut = pspGate();
  if (shut === undefined) {
    const token = ids.token();
    try {
      const claimed = await inTransaction(db, (tx) => claimPayment(tx, { ...command, token }), turn);
      if (claimed !== undefined) return { payment: claimed, isReplay: false };
    } catch (error) {
      if (error instanceof LostCommitError) return claimAfterLostCommit(world, command, token, error);
      if (isDuplicateKey(error))
        throw new Refusal('PEC0006', { internal: 'the payment key belongs to another order' });
      throw error;
    }
  }
  const payment = await inTransaction(db, (tx) => lockPayment(tx, command.orderId), turn);
  if (payment === undefined) throw new Refusal('PEC0003');
  if (admit(payment, command) === 'replay') return { payment, isReplay: true };
  // The claim also refuses lines that do not sum to the payment: that is an error, not a reason to try again.
  await linesOf(db, payment);
  // No state has changed, so the client may retry. Without a shut gate another request has just released the claim.
  throw shut ?? new Refusal('PEC0005', { retryAfterSeconds: 1 });
}

/**
 * If the claim was committed, recovery pays the order in a while: "nothing was charged" may be said only when the row says
 * so. The claim may still be on its way or running: its session is ended, and the row is read behind its lock.
 */
async function claimAfterLostCommit(
  { db }: ConfirmWorld,
  { orderId }: ConfirmCommand,
  token: string,
  error: LostCommitError,
): Promise<Claimed> {
  const read = async (tx: Tx): Promise<ClaimedPayment | undefined> => {
    const payment = await lockPayment(tx, orderId);
    return payment && { ...payment, lines: await linesOf(tx, payment) };
  };
  const now = await endSession(db, error)
    .then(() => inTransaction(db, read, { attemptsMax: 1 }))
    .catch(() => {
      throw new Refusal('PEC0007', { data: { orderId }, internal: `claimed or not: ${String(error)}` });
    });
  if (now?.claimToken === token) return { payment: now, isReplay: false };
  throw error;
}

/** Writes the ending down, fenced by the claim, and answers. */
async function record(
  world: ConfirmWorld,
  payment: ClaimedPayment,
  ending: Ending,
  traceparent: string | null,
  log: Logger,
): Promise<Payment> {
  const { db, clock } = world;
  const approvedAt = ending.do === 'succeed' ? (ending.payment.approvedAt ?? clock()) : null;
  try {
    await inTransaction(db, (tx) => write(tx, world, payment, ending, approvedAt, traceparent));
  } catch (error) {
    if (!(error instanceof ClaimLostError)) return outcomeUnknown(payment, error, log);
    return takenOver(db, payment, ending, log).catch((cause: unknown) => asRefusal(payment, cause, log));
  }
  switch (ending.do) {
    case 'succeed':
      return { ...payment, status: 'SUCCESS', approvedAt };
    case 'fail':
      throw refusedByPsp(ending);
    case 'release':
      if (ending.because === 'unusable-key') throw refusedByPsp(ending);
      if (ending.because === 'not-sent')
        throw new Refusal('PEC0014', { retryAfterSeconds: 1, internal: ending.message });
      log.error({ orderId: payment.orderId, code: ending.code }, 'ALARM: the PSP refuses our credentials');
      throw new Refusal('PEC0014', { retryAfterSeconds: 60, internal: `the PSP refuses us: ${ending.code}` });
    case 'leave-unknown':
      if (ending.alarm)
        log.error({ orderId: payment.orderId, reason: ending.reason }, 'ALARM: payment does not match');
      throw new Refusal('PEC0007', { data: { orderId: payment.orderId }, internal: ending.reason });
  }
}

/**
 * The PSP was asked, and our database does not take what came of it: the money may be gone, so "nothing was charged"
 * would be a lie. The claim stands, and recovery records what the PSP says.
 */
function outcomeUnknown({ orderId }: Payment, error: unknown, log: Logger): never {
  log.error({ err: error, orderId }, 'ALARM: the outcome was not recorded');
  throw new Refusal('PEC0007', { data: { orderId } });
}

async function write(
  tx: Tx,
  world: ConfirmWorld,
  payment: ClaimedPayment,
  ending: Ending,
  approvedAt: Date | null,
  traceparent: string | null,
): Promise<void> {
  if (ending.do === 'release') return store.release(tx, payment, ending.code, ending.message);
  if (ending.do === 'leave-unknown') return store.leaveUnknown(tx, payment, ending.reason);
  if (ending.do === 'fail') return recordFailure(tx, payment, { ...ending, changedBy: 'confirm' });
  if (approvedAt === null) throw new Error('a success without a time');
  const { payment: psp } = ending;
  const reason = 'PAYMENT_CONFIRMATION_DONE';
  const success = { psp, approvedAt, changedBy: 'confirm', reason, traceparent } as const;
  await Promise.all([recordSuccess(tx, world, payment, success), tx.commit()]);
}

/** Another process has ended the payment meanwhile. Its row is the answer, compared with what we know. */
async function takenOver(db: Database, ours: Payment, ending: Ending, log: Logger): Promise<Payment> {
  const now = await findPayment(db, ours.orderId);
  if (now === undefined) throw new Error(`order ${ours.orderId} has vanished`);
  const isOurs = isPaid(now.status) && now.paymentKey === ours.paymentKey;
  const known = {
    orderId: ours.orderId,
    status: now.status,
    isOurKey: now.paymentKey === ours.paymentKey,
    ending: ending.do,
  };
  log.warn(known, 'the claim was taken over while the PSP was asked');
  if (isOurs) return now;
  if (ending.do === 'succeed') {
    log.error(known, 'ALARM: charged at the PSP, but the order says otherwise');
    throw new Refusal('PEC0007', { data: { orderId: ours.orderId } });
  }
  if (now.status === 'FAILURE' && now.failure !== null) throw refusedByPsp(now.failure);
  if (now.status === 'UNKNOWN') throw new Refusal('PEC0007', { data: { orderId: ours.orderId } });
  throw new Refusal('PEC0005', { retryAfterSeconds: 1 });
}

/** Refusals are answers; anything else after the PSP was asked leaves the outcome unknown. */
function asRefusal(payment: Payment, error: unknown, log: Logger): never {
  if (error instanceof Refusal) throw error;
  return outcomeUnknown(payment, error, log);
}
