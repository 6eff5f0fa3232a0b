import type { Encode } from '#contracts/codec';
import { WALLET_SERVICE } from '#contracts/topics';
import type { Ids } from '#kit/ids';
import type { DatabaseClock } from '#prisma/clock';
import type { Tx } from '#prisma/database';
import { park, resolveDeadLetter } from '#prisma/dead-letters';
import { depart } from '#prisma/outbox';
import { settledDeparture } from './departures.rules';
import { book } from './ledger.rules';
import type { Verdict } from './sequence.rules';
import { createWallets, insertLines, lockWallets, saveOrders, saveWallets } from './settle-payments.store';

export interface Recorder {
  encode: Encode;
  /** Of the ledger's lines and of what is parked. */
  clock: DatabaseClock;
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
  // Read under the locks: a wallet's lines carry times in the order of its chain.
  const now = await clock(tx);
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
    if (verdict.kind !== 'settle' && verdict.kind !== 'repeated') continue;
    const { kind, deadLetterId: id, event } = verdict;
    if (id === null) continue;
    const resolution = kind === 'settle' ? `settled as event ${event.eventId}` : 'had been settled before';
    await resolveDeadLetter(tx, WALLET_SERVICE, { id, resolution, now });
  }
}

/** Parks what cannot be settled, each message whole. */
export async function recordParked(
  tx: Tx,
  { encode, clock, ids }: Recorder,
  verdicts: readonly Verdict[],
): Promise<void> {
  const parked = verdicts.filter((verdict) => verdict.kind === 'park');
  if (parked.length === 0) return;
  await park(
    tx,
    encode,
    { consumer: WALLET_SERVICE, deadLetterTopic: 'payment_wallet_dlq', parkedAt: await clock(tx) },
    parked.map(({ event, error, deadLetterId, isReopened }) => ({
      message: event.message,
      error,
      deadLetterId,
      isReopened,
      eventId: ids.eventId(),
    })),
  );
}

const unique = <T>(items: readonly T[]): T[] => [...new Set(items)];
