import type { Due } from '#messaging/message-service';
import type { Departure } from '#prisma/outbox';
import type { LedgerLine } from './ledger.rules';
import type { Booking } from './payment-event.rules';

/** What the payment side is told: every line with its place in its wallet's chain. */
export function settledDeparture(
  { content: booking, traceparent }: Due<Booking>,
  seqOut: number,
  lines: readonly LedgerLine[],
  eventId: string,
  now: Date,
): Departure {
  const { orderId, currency } = booking;
  const entries = lines.map((line) => ({
    sellerNo: line.sellerNo,
    walletNo: line.walletNo,
    paymentOrderNo: line.paymentOrderNo,
    amount: line.amount,
    walletSeq: line.walletSeq,
    lineHash: line.lineHash,
  }));
  const common = {
    eventId,
    topic: 'wallet',
    aggregateId: orderId,
    seq: seqOut,
    traceparent,
  } as const;
  if (booking.type === 'CREDIT') {
    const record = 'wallet.PaymentSettled';
    const value = { orderId, currency, settledAt: now, entries };
    return { ...common, record, value, idempotencyKey: `${record}:${orderId}:${seqOut}` };
  }
  const record = 'wallet.CancellationSettled';
  const value = { orderId, currency, cancelId: booking.cancelId, settledAt: now, entries };
  return { ...common, record, value, idempotencyKey: `${record}:${orderId}:${seqOut}` };
}
