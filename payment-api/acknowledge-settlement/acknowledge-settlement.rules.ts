import type { DecodedEvent } from '#contracts/codec';
import { ORDER_ID } from '#contracts/topics';
import type { Won } from '#kit/money';
import type { Headed, Problem } from '#messaging/message-service';
import { envelopeProblems } from '#messaging/read-message';

/** The payment side's own rows of an order. */
export interface OrderRows {
  paymentEventNo: bigint;
  /** Events published for the order so far. */
  lastEventSeq: number;
  /** Wallet events acknowledged so far; they are numbered densely from 1. */
  acknowledgedEvents: number;
  lines: Map<number, { sellerNo: number; amount: Won }>;
}

export type WalletEvent = Extract<
  DecodedEvent,
  { record: 'wallet.PaymentSettled' | 'wallet.CancellationSettled' }
>;

/** Is it an event of the wallet's, and does its envelope say the same? Pure. */
export function readWalletEvent(headed: Headed, event: DecodedEvent): WalletEvent | Problem {
  if (event.record !== 'wallet.PaymentSettled' && event.record !== 'wallet.CancellationSettled')
    return { cause: 'invalid', reason: `${event.record} does not belong on this topic` };
  const { orderId } = event.value;
  const problems = [
    ...envelopeProblems(headed, event.record, orderId),
    ...(ORDER_ID.test(orderId) ? [] : ['the order id is malformed']),
  ];
  return problems.length === 0 ? event : { cause: 'invalid', reason: problems.join('; ') };
}

/**
 * Compares what the wallet has settled with the order's own lines: a settlement of other amounts, sellers or lines is a
 * defect that must not be acknowledged. Pure.
 *
 * @param cancelLines lines of the cancel that the event names, when it is one of this order's that has succeeded
 */
export function problemOfEntries(
  event: WalletEvent,
  order: OrderRows,
  cancelLines: ReadonlySet<number> | undefined,
): Problem | undefined {
  const refused = (reason: string): Problem => ({ cause: 'refused', reason });
  const { entries } = event.value;
  for (const { paymentOrderNo, sellerNo, amount } of entries) {
    const line = order.lines.get(paymentOrderNo);
    if (line === undefined || line.sellerNo !== sellerNo || line.amount !== amount)
      return refused(`entry ${paymentOrderNo} (seller ${sellerNo}, ${amount} won) is no line of the order`);
  }
  const settled = new Set(entries.map((entry) => entry.paymentOrderNo));
  if (settled.size === 0 || settled.size !== entries.length)
    return refused('no entries, or one of them twice');
  if (event.record === 'wallet.PaymentSettled')
    return settled.size === order.lines.size
      ? undefined
      : refused(`${entries.length} of ${order.lines.size} lines were settled`);
  const { cancelId } = event.value;
  if (cancelLines === undefined) return { cause: 'unknown_cancel', reason: `unknown cancel ${cancelId}` };
  return settled.size === cancelLines.size && [...settled].every((no) => cancelLines.has(no))
    ? undefined
    : refused(`cancel ${cancelId} is of other lines than were settled`);
}
