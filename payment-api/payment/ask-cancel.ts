import { sleep } from '#kit/clock';
import type { Logger } from '#kit/log';
import { inTransaction } from '#prisma/transaction';
import { summaryOf, type AskingWorld } from './ask-psp';
import { pauseBeforeCallMs } from './asking.rules';
import { decideCancel, type CancelEnding, type CancelProgress } from './cancel.rules';
import { beginCall, cancelsOf, msSinceLastCall } from './cancel.store';
import type { Cancel, ChangedBy } from './payment';

export interface CancelAskingWorld extends AskingWorld {
  /** Time between two cancel calls for one payment: the PSP processes one a second. */
  cancelSpacingMs: number;
}

/**
 * Asks the PSP to give money back until an answer ends it. Every call is marked, fenced by the claim, before it is
 * made; each new idempotency key comes after a look at what the last one did.
 *
 * @param start `lookup` when an earlier process may have asked already
 * @returns how it ended, and the cancel as this process last wrote it; no ending when somebody else has taken over
 */
export async function askCancel(
  world: CancelAskingWorld,
  asked: { paymentKey: string; cancel: Cancel; changedBy: ChangedBy; start: CancelProgress['asked'] },
  log: Logger,
): Promise<{ cancel: Cancel; ending: CancelEnding | undefined }> {
  const { db, psp, pspPauseMs } = world;
  const { paymentKey, changedBy, start } = asked;
  let { cancel } = asked;
  const { orderId, cancelId, cancelAmount, refundableAmount, reason: cancelReason } = cancel;
  const progress: CancelProgress = { asked: start, sameKeyCalls: 0, keys: 0, refused: null };
  for (let call = 0; ; call += 1) {
    if (progress.asked === 'cancel') {
      await keepDistance(world, cancel);
      const isNewKey = progress.sameKeyCalls === 0;
      const begun = await inTransaction(db, (tx) => beginCall(tx, cancel, changedBy, isNewKey));
      if (begun === undefined) return { cancel, ending: undefined };
      cancel = begun;
      progress.sameKeyCalls += 1;
      progress.keys += isNewKey ? 1 : 0;
    }
    const answer =
      progress.asked === 'cancel'
        ? await psp.cancel(
            { paymentKey, cancelReason, cancelAmount, refundableAmount },
            `cancel:${cancelId}:${cancel.attempt}`,
          )
        : await psp.lookUp(paymentKey);
    const step = decideCancel(cancel, answer, progress, await knownKeysOf(world, cancel));
    log.info(
      { orderId, cancelId, asked: progress.asked, answer: summaryOf(answer), step: step.do },
      'asked the PSP',
    );
    switch (step.do) {
      case 'look-up':
        Object.assign(progress, { asked: 'lookup', refused: step.refused });
        continue;
      case 'repeat-same-key':
        break;
      case 'new-attempt':
        Object.assign(progress, { asked: 'cancel', sameKeyCalls: 0 });
        break;
      default:
        return { cancel, ending: step };
    }
    await sleep(pauseBeforeCallMs(pspPauseMs, call));
  }
}

async function keepDistance({ db, cancelSpacingMs }: CancelAskingWorld, cancel: Cancel): Promise<void> {
  const ageMs = await msSinceLastCall(db, cancel.paymentNo);
  if (ageMs !== undefined && ageMs < cancelSpacingMs) await sleep(cancelSpacingMs - ageMs);
}

async function knownKeysOf({ db }: CancelAskingWorld, cancel: Cancel): Promise<Set<string>> {
  const others = await cancelsOf(db, cancel.paymentNo);
  return new Set(others.flatMap(({ transactionKey }) => (transactionKey === null ? [] : [transactionKey])));
}
