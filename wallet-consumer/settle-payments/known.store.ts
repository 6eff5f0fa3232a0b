import { WALLET_SERVICE } from '#contracts/topics';
import type { Tx } from '#prisma/database';
import { deadLettersFor, idTakenProblem, isIdTaken, withoutEventId } from '#prisma/dead-letters';
import { knownEvents, knownSequences } from '#prisma/inbox';
import { readHeaders, type PaymentEvent } from './payment-event.rules';
import type { Known } from './sequence.rules';
import { creditedShares, findSellers, lockOrders } from './settle-payments.store';

/**
 * Gives each event the id that it is known by: one whose id another content has taken goes by its place, and is parked.
 *
 * @returns the events, and which ids are known
 */
async function identify(
  tx: Tx,
  events: readonly PaymentEvent[],
): Promise<{ events: PaymentEvent[]; eventIds: Set<string> }> {
  const known = await knownEvents(tx, WALLET_SERVICE, unique(events.map(({ eventId }) => eventId)));
  const hashes = new Map(known);
  const places: string[] = [];
  const identified = events.map((event): PaymentEvent => {
    const hash = hashes.get(event.eventId);
    if (hash === undefined) hashes.set(event.eventId, event.payloadHash);
    if (!isIdTaken(event.message, event.arrival, hash)) return event;
    const byPlace = readHeaders(withoutEventId(event.message));
    places.push(byPlace.eventId);
    return { ...byPlace, content: { problem: idTakenProblem(event.eventId), cause: 'conflict' } };
  });
  const knownPlaces = await knownEvents(tx, WALLET_SERVICE, places);
  return { events: identified, eventIds: new Set([...known.keys(), ...knownPlaces.keys()]) };
}

/** Reads, and locks, what the decision needs. Locks are taken in one order: orders, dead letters, wallets. */
export async function readKnown(
  tx: Tx,
  batch: readonly PaymentEvent[],
): Promise<{ events: PaymentEvent[]; known: Known; walletless: Set<number> }> {
  const { events, eventIds } = await identify(tx, batch);
  const bookings = events.flatMap(({ content }) => ('booking' in content ? [content.booking] : []));
  const orderIds = unique(events.flatMap(({ orderId }) => (orderId === null ? [] : [orderId])));
  const redriven = unique(events.flatMap(({ redriveOf }) => (redriveOf === null ? [] : [redriveOf])));
  const canceled = bookings.filter((booking) => booking.type === 'DEBIT').flatMap(({ shares }) => shares);
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
    events,
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
