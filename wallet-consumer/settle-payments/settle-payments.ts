import type { Encode } from '#contracts/codec';
import { WALLET_SERVICE } from '#contracts/topics';
import type { Ids } from '#kit/ids';
import type { Due, MessageService, Problem } from '#messaging/message-service';
import type { Tx } from '#prisma/database';
import { depart } from '#prisma/outbox';
import { settledDeparture } from './departures.rules';
import { book, type WalletHead } from './ledger.rules';
import { readBooking, type Booking } from './payment-event.rules';
import * as store from './settle-payments.store';

export interface SettlementDependencies {
  encode: Encode;
  ids: Pick<Ids, 'eventId'>;
  /** Called with the number of ledger lines that an event has written, after the commit. */
  countLines: (type: Booking['type'], lines: number) => void;
}

/** What the database has of a batch's orders and sellers. */
interface Loaded {
  orders: ReadonlyMap<string, store.OrderProgress>;
  /** By seller number; `null` before the seller's first credit. */
  wallets: ReadonlyMap<number, WalletHead | null>;
  /** Credited and not debited yet, by `shareKey`. */
  credited: Map<string, bigint>;
}

const NOT_STARTED: store.OrderProgress = { lastSeqIn: 0, lastSeqOut: 0 };
const unique = <T>(items: readonly T[]): T[] => [...new Set(items)];

/**
 * Posts payment events to the sellers' ledger: a credit per line of a confirmed payment, a debit per line of a cancel, and
 * one answer per event for the payment side.
 */
export function settlementService(deps: SettlementDependencies): MessageService<Booking, Loaded> {
  return {
    consumer: WALLET_SERVICE,
    deadLetterTopic: 'payment_wallet_dlq',
    read: readBooking,
    load,
    lastSeq: ({ orders }, orderId) => orders.get(orderId)?.lastSeqIn ?? 0,
    accept,
    apply: (tx, loaded, accepted, now) => post(tx, deps, loaded, accepted, now),
    typeOf: ({ type }) => type,
    onApplied: ({ type, shares }) => deps.countLines(type, shares.length),
  };
}

async function load(tx: Tx, bookings: readonly Booking[]): Promise<Loaded> {
  const canceled = bookings.filter(({ type }) => type === 'DEBIT').flatMap(({ shares }) => shares);
  const [orders, wallets, credited] = await Promise.all([
    store.lockOrders(tx, unique(bookings.map(({ orderId }) => orderId))),
    store.lockWallets(tx, sellersOf(bookings)),
    store.creditedShares(tx, unique(canceled.map(({ paymentOrderNo }) => paymentOrderNo))),
  ]);
  return { orders, wallets, credited };
}

const sellersOf = (bookings: readonly Booking[]): number[] =>
  unique(bookings.flatMap(({ shares }) => shares.map(({ sellerNo }) => sellerNo)));

/** A seller must exist, and a debit takes back no more than was credited. */
function accept({ wallets, credited }: Loaded, { content: booking }: Due<Booking>): Problem | undefined {
  const { orderId, type, shares } = booking;
  const stranger = shares.find(({ sellerNo }) => !wallets.has(sellerNo));
  if (stranger !== undefined)
    return { cause: 'unknown_seller', reason: `there is no seller ${stranger.sellerNo}` };
  const keyOf = (share: Booking['shares'][number]): string =>
    shareKeyOf(orderId, share.paymentOrderNo, share.sellerNo);
  if (type === 'DEBIT') {
    const uncredited = shares.find((share) => (credited.get(keyOf(share)) ?? 0n) < share.amount);
    if (uncredited !== undefined) {
      const { paymentOrderNo, amount, sellerNo } = uncredited;
      const reason = `payment order ${paymentOrderNo} was not credited with ${amount} won to seller ${sellerNo}`;
      return { cause: 'not_credited', reason };
    }
  }
  for (const share of shares) {
    const before = credited.get(keyOf(share)) ?? 0n;
    credited.set(keyOf(share), type === 'CREDIT' ? before + share.amount : before - share.amount);
  }
  return undefined;
}

const shareKeyOf = store.shareKey;

/**
 * Ledger lines, balances, progress and answers, in one packet. The first credit of a seller creates the wallet.
 *
 * @throws UnprocessableError, or MySQL's error about a row
 */
async function post(
  tx: Tx,
  { encode, ids }: SettlementDependencies,
  { orders, wallets }: Loaded,
  accepted: readonly Due<Booking>[],
  now: Date,
): Promise<void> {
  const bookings = accepted.map(({ content, arrival }) => ({ eventId: arrival.eventId, booking: content }));
  const heads = await withNewWallets(tx, wallets, sellersOf(accepted.map(({ content }) => content)));
  const { lines, heads: changed } = book(bookings, heads, now);
  const progress = new Map<string, store.OrderProgress>();
  const answers = accepted.map((event, index) => {
    const { orderId, seq } = event;
    const { lastSeqOut } = progress.get(orderId) ?? orders.get(orderId) ?? NOT_STARTED;
    progress.set(orderId, { lastSeqIn: seq, lastSeqOut: lastSeqOut + 1 });
    return settledDeparture(event, lastSeqOut + 1, lines[index] ?? [], ids.eventId(), now);
  });
  await Promise.all([
    store.insertLines(tx, lines.flat()),
    store.saveWallets(tx, changed),
    store.saveOrders(
      tx,
      [...progress].map(([orderId, last]) => ({ orderId, ...last })),
    ),
    depart(tx, encode, answers),
  ]);
}

/** The locked wallets; sellers without one get it now. */
async function withNewWallets(
  tx: Tx,
  wallets: ReadonlyMap<number, WalletHead | null>,
  sellerNos: readonly number[],
): Promise<Map<number, WalletHead>> {
  const without = sellerNos.filter((sellerNo) => wallets.get(sellerNo) === null);
  const created = without.length === 0 ? [] : await store.createWallets(tx, without);
  return new Map(
    [...wallets, ...created].filter((entry): entry is [number, WalletHead] => entry[1] !== null),
  );
}
