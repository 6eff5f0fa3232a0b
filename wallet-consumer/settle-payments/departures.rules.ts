import type { Departure } from '#prisma/outbox';
import type { LedgerLine } from './ledger.rules';
import type { Verdict } from './sequence.rules';

/** How much of a parked message's value the dead-letter topic carries; the table keeps all of it. */
const PAYLOAD_EXCERPT_BYTES = 64 * 1024;
const KEY_CHARACTERS_MAX = 1_000;
const ERROR_CHARACTERS_MAX = 1_000;

type Settled = Extract<Verdict, { kind: 'settle' }>;
type Parked = Extract<Verdict, { kind: 'park' }>;

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

/**
 * What the dead-letter topic says of a parked message. A redriven one that fails again is announced again.
 */
export function deadLetteredDeparture(
  { event, deadLetterId, isReopened, error }: Parked,
  eventId: string,
  now: Date,
): Departure {
  const { topic, partition, offset, key, value } = event.message;
  const position = Number(offset);
  if (!Number.isSafeInteger(position)) throw new RangeError(`offset ${offset} is beyond exact numbers`);
  return {
    eventId,
    topic: 'payment_wallet_dlq',
    aggregateId: event.orderId ?? deadLetterId,
    seq: null,
    record: 'deadletter.DeadLettered',
    value: {
      deadLetterId,
      topic,
      partition,
      offset: position,
      eventId: event.eventId,
      eventType: event.eventType,
      key: key?.toString('utf8').slice(0, KEY_CHARACTERS_MAX) ?? null,
      error: error.slice(0, ERROR_CHARACTERS_MAX),
      payload: Buffer.from((value ?? Buffer.alloc(0)).subarray(0, PAYLOAD_EXCERPT_BYTES)),
      payloadSize: value?.length ?? 0,
      parkedAt: now,
    },
    idempotencyKey: `deadletter.DeadLettered:${deadLetterId}${isReopened ? `:${event.eventId}` : ''}`,
    traceparent: event.traceparent,
  };
}
