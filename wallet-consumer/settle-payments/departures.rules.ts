import type { Departure } from '#prisma/outbox';
import type { LedgerLine } from './ledger.rules';
import type { Verdict } from './sequence.rules';

type Settled = Extract<Verdict, { kind: 'settle' }>;

/** What the payment side is told: every line with its place in its wallet's chain. */
export function settledDeparture(
  { booking, event, seqOut }: Settled,
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
    traceparent: event.traceparent,
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
