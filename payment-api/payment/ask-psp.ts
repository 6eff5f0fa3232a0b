import { sleep } from '#kit/clock';
import type { Ids } from '#kit/ids';
import type { Logger } from '#kit/log';
import { Prisma, type Database } from '#prisma/database';
import { inTransaction } from '#prisma/transaction';
import type { Psp, PspAnswer } from '../toss/toss-client';
import { decide, pauseBeforeCallMs, type Ending, type Progress } from './asking.rules';
import type { Payment } from './payment';
import { touchPayment } from './payment.store';

export interface AskingWorld {
  db: Database;
  psp: Psp;
  ids: Ids;
  /** First pause between two calls for one payment; it doubles with each. */
  pspPauseMs: number;
}

/**
 * Asks the PSP to approve a claimed payment until an answer ends the attempt; `decide` bounds how often. A further
 * attempt is counted, fenced by the claim, before its call.
 *
 * @throws ClaimLostError when another process has taken over
 */
export async function askPsp(world: AskingWorld, claimed: Payment, log: Logger): Promise<Ending> {
  const { db, psp, pspPauseMs } = world;
  const { orderId, totalAmount: amount, paymentKey } = claimed;
  if (paymentKey === null) throw new Error(`order ${orderId} was claimed without a payment key`);
  let payment = claimed;
  const progress: Progress = { asked: 'confirm', sameKeyCalls: 0, attempts: 1 };
  for (let call = 0; ; call += 1) {
    if (progress.asked === 'confirm') progress.sameKeyCalls += 1;
    const answer =
      progress.asked === 'confirm'
        ? await psp.confirm({ paymentKey, orderId, amount }, `confirm:${orderId}:${payment.attempt}`)
        : await psp.lookUp(paymentKey);
    const step = decide(payment, answer, progress);
    log.info({ orderId, asked: progress.asked, answer: summaryOf(answer), step: step.do }, 'asked the PSP');
    switch (step.do) {
      case 'look-up':
        progress.asked = 'lookup';
        continue;
      case 'repeat-same-key':
        break;
      case 'new-attempt': {
        // Committed before the call, so that its idempotency key is never used for another.
        await inTransaction(db, (tx) => touchPayment(tx, payment, Prisma.sql`attempt = attempt + 1`));
        payment = { ...payment, attempt: payment.attempt + 1 };
        Object.assign(progress, { asked: 'confirm', sameKeyCalls: 0, attempts: progress.attempts + 1 });
        break;
      }
      default:
        return step;
    }
    await sleep(pauseBeforeCallMs(pspPauseMs, call));
  }
}

/** An answer in a word, for the log. */
export function summaryOf(answer: PspAnswer): string {
  if (answer.kind === 'payment') return answer.payment.status;
  return answer.kind === 'error' ? answer.code : answer.reason;
}
