import { WALLET_SERVICE } from '#contracts/topics';
import type { Tx } from '#prisma/database';
import { deadLettersFor } from '#prisma/dead-letters';
import { knownEventIds, knownSequences } from '#prisma/inbox';
import type { PaymentEvent } from './payment-event.rules';
import type { Known } from './sequence.rules';
import { creditedShares, findSellers, lockOrders } from './settle-payments.store';

/** Reads, and locks, what the decision needs. Locks are taken in one order: orders, dead letters, wallets. */
export async function readKnown(
  tx: Tx,
  events: readonly PaymentEvent[],
): Promise<{ known: Known; walletless: Set<number> }> {
  const bookings = events.flatMap(({ content }) => ('booking' in content ? [content.booking] : []));
  const orderIds = unique(events.flatMap(({ orderId }) => (orderId === null ? [] : [orderId])));
  const redriven = unique(events.flatMap(({ redriveOf }) => (redriveOf === null ? [] : [redriveOf])));
  const canceled = bookings.filter((booking) => booking.type === 'DEBIT').flatMap(({ shares }) => shares);
  const eventIds = await knownEventIds(tx, WALLET_SERVICE, unique(events.map(({ eventId }) => eventId)));
  const orders = await lockOrders(tx, orderIds);
  const deadLetters = await deadLettersFor(tx, WALLET_SERVICE, { orderIds, redriven });
  const repeated = events.filter(
    ({ orderId, seq }) => orderId !== null && seq !== null && seq <= (orders.get(orderId)?.lastSeqIn ?? 0),
  );
  const settledHashes = await knownSequences(
    tx,
    WALLET_SERVICE,
    unique(repeated.map(({ orderId }) => orderId ?? '')),
  );
  const sellers = await findSellers(
    tx,
    unique(bookings.flatMap(({ shares }) => shares.map(({ sellerNo }) => sellerNo))),
  );
  const credited = await creditedShares(tx, unique(canceled.map(({ paymentOrderNo }) => paymentOrderNo)));
  return {
    known: {
      eventIds,
      orders,
      deadLetters,
      settledHashes,
      sellers: new Set(sellers.keys()),
      credited,
    },
    walletless: new Set([...sellers].flatMap(([no, { hasWallet }]) => (hasWallet ? [] : [no]))),
  };
}

const unique = <T>(items: readonly T[]): T[] => [...new Set(items)];
