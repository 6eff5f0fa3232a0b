import type { Encode } from '#contracts/codec';
import type { Clock } from '#kit/clock';
import type { Ids } from '#kit/ids';
import type { Tx } from '#prisma/database';
import { depart } from '#prisma/outbox';
import { insertDeadLetters, reopenDeadLetter, resolveDeadLetter } from './dead-letters.store';
import { deadLetteredDeparture, settledDeparture } from './departures.rules';
import { book } from './ledger.rules';
import type { Verdict } from './sequence.rules';
import { createWallets, insertLines, lockWallets, saveOrders, saveWallets } from './settle-payments.store';

export interface Recorder {
  encode: Encode;
  clock: Clock;
  ids: Pick<Ids, 'eventId'>;
}

/**
 * Books what is to be settled: missing wallets, locks in the order of seller numbers, lines, balances,
 * progress, and one answer per order event. A dead letter whose event needs nothing more is resolved.
 *
 * @param walletless sellers who get their wallet by their first booking
 * @throws UnbookableError, or MySQL's error about a row
 */
export async function recordSettled(
  tx: Tx,
  { encode, clock, ids }: Recorder,
  verdicts: readonly Verdict[],
  walletless: ReadonlySet<number>,
): Promise<void> {
  const settled = verdicts.filter((verdict) => verdict.kind === 'settle');
  const sellerNos = unique(settled.flatMap(({ booking }) => booking.shares.map(({ sellerNo }) => sellerNo)));
  await createWallets(
    tx,
    sellerNos.filter((sellerNo) => walletless.has(sellerNo)),
  );
  const wallets = await lockWallets(tx, sellerNos);
  // Read under the locks: a wallet's lines carry times in the order of its chain, clock permitting.
  const now = clock();
  const { lines, heads } = book(
    settled.map(({ event, booking }) => ({ eventId: event.eventId, booking })),
    wallets,
    now,
  );
  await insertLines(tx, lines.flat());
  await saveWallets(tx, heads);
  const progress = settled.map(({ booking, seqIn, seqOut }) => ({
    orderId: booking.orderId,
    lastSeqIn: seqIn,
    lastSeqOut: seqOut,
  }));
  await saveOrders(tx, [...new Map(progress.map((order) => [order.orderId, order])).values()]);
  await depart(
    tx,
    encode,
    settled.map((verdict, index) => settledDeparture(verdict, lines[index] ?? [], ids.eventId(), now)),
  );
  for (const verdict of verdicts) {
    if (verdict.kind === 'settle' && verdict.deadLetterId !== null)
      await resolveDeadLetter(tx, verdict.deadLetterId, `settled as event ${verdict.event.eventId}`, now);
    if (verdict.kind === 'repeated' && verdict.deadLetterId !== null)
      await resolveDeadLetter(tx, verdict.deadLetterId, 'had been settled before', now);
  }
}

/** Parks: the whole message into `dead_letters`, and a notice to the dead-letter topic. */
export async function recordParked(
  tx: Tx,
  { encode, clock, ids }: Recorder,
  verdicts: readonly Verdict[],
): Promise<void> {
  const parked = verdicts.filter((verdict) => verdict.kind === 'park');
  const now = clock();
  const created = parked.filter(({ isReopened }) => !isReopened);
  await insertDeadLetters(
    tx,
    created.map(({ deadLetterId: id, event, error }) => ({ id, event, error })),
    now,
  );
  for (const { deadLetterId, error } of parked.filter(({ isReopened }) => isReopened))
    await reopenDeadLetter(tx, deadLetterId, error);
  await depart(
    tx,
    encode,
    parked.map((verdict) => deadLetteredDeparture(verdict, ids.eventId(), now)),
  );
}

const unique = <T>(items: readonly T[]): T[] => [...new Set(items)];
