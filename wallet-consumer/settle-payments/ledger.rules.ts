import { createHash } from 'node:crypto';
import { wonToDecimalText, WON_MAX, type Won } from '#kit/money';
import { UnprocessableError } from '#messaging/message-service';
import type { Booking } from './payment-event.rules';

/** A wallet with the head of its chain of ledger lines. */
export interface WalletHead {
  walletNo: number;
  sellerNo: number;
  balance: Won;
  lastSeq: number;
  /** Hash of the newest line; empty before the first. */
  lastHash: string;
  /** The newest line's time; `null` before the first. */
  lastAt: Date | null;
}

/** One row of `wallet_transactions`. */
export interface LedgerLine {
  walletNo: number;
  sellerNo: number;
  walletSeq: number;
  type: 'CREDIT' | 'DEBIT';
  amount: Won;
  balanceAfter: Won;
  paymentOrderNo: number;
  orderId: string;
  eventId: string;
  idempotencyKey: string;
  lineHash: string;
  createdAt: Date;
}

/** UTC as MySQL prints a DATETIME(3): "2026-01-31 09:00:00.000". */
export function toDatetimeText(date: Date): string {
  const text = date.toISOString();
  return `${text.slice(0, 10)} ${text.slice(11, 23)}`;
}

/**
 * Hash of a ledger line: SHA-256, in hex, over its predecessor's hash (empty for a wallet's first line) and
 * its own columns as MySQL prints them, joined by `|`. No column can hold a `|`. In SQL:
 *
 *   SHA2(CONCAT_WS('|', previous_hash, wallet_no, wallet_seq, type, amount, balance_after, reference_type,
 *        reference_id, order_id, event_id, idempotency_key, created_at), 256)
 */
export function lineHash(previousHash: string, line: Omit<LedgerLine, 'lineHash' | 'sellerNo'>): string {
  const columns = [
    previousHash,
    line.walletNo,
    line.walletSeq,
    line.type,
    wonToDecimalText(line.amount),
    wonToDecimalText(line.balanceAfter),
    'PAYMENT_ORDER',
    line.paymentOrderNo,
    line.orderId,
    line.eventId,
    line.idempotencyKey,
    toDatetimeText(line.createdAt),
  ];
  return createHash('sha256').update(columns.join('|')).digest('hex');
}

function copyOf(wallets: ReadonlyMap<number, WalletHead>, sellerNo: number): WalletHead {
  const head = wallets.get(sellerNo);
  if (head === undefined) throw new Error(`the wallet of seller ${sellerNo} was not locked`);
  return { ...head };
}

/**
 * Writes bookings into wallets, in their order. The wallets passed in stay as they are. A line is never older than the
 * one before it, also when the database's clock was set back: that is what statements by period rest on.
 *
 * @param wallets by seller number: a line is its seller's, and the seller's wallet has a number of its own
 * @returns the lines of each booking, and every wallet that has changed, by seller number
 * @throws UnprocessableError when a balance would exceed DECIMAL(15,2)
 */
export function book(
  bookings: readonly { eventId: string; booking: Booking }[],
  wallets: ReadonlyMap<number, WalletHead>,
  now: Date,
): { lines: LedgerLine[][]; heads: WalletHead[] } {
  const heads = new Map<number, WalletHead>();
  const lines = bookings.map(({ eventId, booking }) =>
    booking.shares.map((share) => {
      const { sellerNo, paymentOrderNo, amount, idempotencyKey } = share;
      const head = heads.get(sellerNo) ?? copyOf(wallets, sellerNo);
      heads.set(sellerNo, head);
      head.balance += booking.type === 'CREDIT' ? amount : -amount;
      if (head.balance > WON_MAX || head.balance < -WON_MAX)
        throw new UnprocessableError(`the balance of seller ${sellerNo} would be ${head.balance}`);
      head.lastSeq += 1;
      head.lastAt = head.lastAt !== null && head.lastAt > now ? head.lastAt : now;
      const line: LedgerLine = {
        walletNo: head.walletNo,
        sellerNo,
        walletSeq: head.lastSeq,
        type: booking.type,
        amount,
        balanceAfter: head.balance,
        paymentOrderNo,
        orderId: booking.orderId,
        eventId,
        idempotencyKey,
        lineHash: '',
        createdAt: head.lastAt,
      };
      line.lineHash = lineHash(head.lastHash, line);
      head.lastHash = line.lineHash;
      return line;
    }),
  );
  return { lines, heads: [...heads.values()] };
}
