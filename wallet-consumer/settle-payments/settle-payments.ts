import { WALLET_SERVICE } from '#contracts/topics';
import type { Database } from '#prisma/database';
import { arrive, type Arrival } from '#prisma/inbox';
import { inTransaction, isTooSlow } from '#prisma/transaction';
import { incurableReason } from './incurable.rules';
import { readKnown } from './known.store';
import type { PaymentEvent } from './payment-event.rules';
import { recordParked, recordSettled, type Recorder } from './record-verdicts';
import { decide, type Verdict } from './sequence.rules';

export interface SettlementWorld extends Recorder {
  db: Database;
  /** A batch's transaction is rolled back after this time. */
  transactionTimeoutMs: number;
  /** Told when a deadlock or lock wait made the transaction run again. */
  onRetry: (error: unknown) => void;
}

/**
 * Books a batch of one partition, in its order, in one transaction. If a row of it cannot be stored, event
 * by event, so that only the culprit is parked. Once this resolves, every event is settled, acknowledged or
 * parked.
 *
 * @returns what became of each event
 * @throws what may be over in a moment (no database, a lock held too long): hand the same batch in again
 */
export async function settlePayments(
  world: SettlementWorld,
  events: readonly PaymentEvent[],
): Promise<Verdict[]> {
  try {
    return await settleTogether(world, events);
  } catch (error) {
    const reason = incurableReason(error);
    if (reason === undefined) {
      if (!isTooSlow(error) || events.length === 1) throw error;
      // The whole would take as long next time: two halves may each end in time.
      const middle = Math.ceil(events.length / 2);
      const first = await settlePayments(world, events.slice(0, middle));
      return [...first, ...(await settlePayments(world, events.slice(middle)))];
    }
    const [only] = events;
    if (events.length === 1 && only !== undefined) {
      // In a new transaction: should another consumer have settled it meanwhile, its inbox row is seen there.
      return await settleTogether(world, [{ ...only, content: { problem: reason, cause: 'refused' } }]);
    }
  }
  const verdicts: Verdict[] = [];
  for (const event of events) verdicts.push(...(await settlePayments(world, [event])));
  return verdicts;
}

function settleTogether(world: SettlementWorld, batch: readonly PaymentEvent[]): Promise<Verdict[]> {
  const { db, ids, transactionTimeoutMs, onRetry } = world;
  return inTransaction(
    db,
    async (tx) => {
      const { events, known, walletless } = await readKnown(tx, batch);
      const verdicts = decide(events, known, () => ids.eventId());
      await arrive(tx, WALLET_SERVICE, arrivalsOf(verdicts, 'settle'));
      await arrive(tx, WALLET_SERVICE, arrivalsOf(verdicts, 'repeated'), { applied: false });
      await recordSettled(tx, world, verdicts, walletless);
      await recordParked(tx, world, verdicts);
      return verdicts;
    },
    { timeoutMs: transactionTimeoutMs, onRetry },
  );
}

const arrivalsOf = (verdicts: readonly Verdict[], kind: Verdict['kind']): Arrival[] =>
  verdicts.flatMap((verdict) => (verdict.kind === kind ? [verdict.event.arrival] : []));
