import type { DecodedEvent } from '#contracts/codec';
import { HEADER, ORDER_ID } from '#contracts/topics';
import type { ConsumedMessage } from '#kit/kafka-consumer';
import { sumWon, WON_MAX, type Won } from '#kit/money';
import { arrivalOf, redriveOf } from '#prisma/dead-letters';
import type { Arrival } from '#prisma/inbox';

const CURRENCY = 'KRW';
/** An order has at most 100 products; ten times that still fits the answer into one outbox row. */
const LINES_MAX = 1_000;
const EVENT_TYPE_CHARACTERS_MAX = 100;
const CANCEL_ID = /^[A-Za-z0-9_=-]{1,64}$/;
const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** One seller's share of an order, to be credited or debited. */
export interface Share {
  paymentOrderNo: number;
  sellerNo: number;
  amount: Won;
  /** Unique for ever in the ledger: the same share is not booked twice. */
  idempotencyKey: string;
}

/** What an event asks for: every share of one order (CREDIT), or of one cancellation (DEBIT). */
export type Booking =
  | { type: 'CREDIT'; orderId: string; currency: string; shares: Share[] }
  | { type: 'DEBIT'; orderId: string; currency: string; cancelId: string; shares: Share[] };

/** A message with what its key and headers say. Every field is safe to store, whatever the producer sent. */
export interface Arriving {
  message: ConsumedMessage;
  arrival: Arrival;
  eventId: string;
  eventType: string | null;
  /**
   * The key, where it can be an order id: the order behind which later events wait when this one is parked.
   */
  orderId: string | null;
  seq: number | null;
  payloadHash: string;
  redriveOf: string | null;
  traceparent: string | null;
}

/** A message as read: a booking, or the reason why it cannot be one. */
export interface PaymentEvent extends Arriving {
  content:
    { booking: Booking } | { problem: string; cause: 'undecodable' | 'invalid' | 'refused' | 'conflict' };
}

const matching = (pattern: RegExp, text: string | undefined): string | null =>
  text !== undefined && pattern.test(text) ? text : null;

/** Reads key and headers; the value is only hashed. Never throws. */
export function readHeaders(message: ConsumedMessage): Arriving {
  const { headers } = message;
  const arrival = arrivalOf(message);
  return {
    message,
    arrival,
    eventId: arrival.eventId,
    eventType: headers[HEADER.eventType]?.slice(0, EVENT_TYPE_CHARACTERS_MAX) ?? null,
    orderId: arrival.aggregateId,
    seq: arrival.eventSeq,
    payloadHash: arrival.payloadHash,
    redriveOf: redriveOf(message),
    traceparent: matching(TRACEPARENT, headers[HEADER.traceparent]),
  };
}

const isNumber = (no: number): boolean => Number.isSafeInteger(no) && no > 0;

function problemsOfShares(shares: readonly Share[], total: Won): string[] {
  const problems: string[] = [];
  if (shares.length === 0 || shares.length > LINES_MAX)
    problems.push(`${shares.length} lines, not 1 to ${LINES_MAX}`);
  for (const { paymentOrderNo, sellerNo, amount } of shares) {
    if (!isNumber(paymentOrderNo) || !isNumber(sellerNo))
      problems.push(
        `payment order ${paymentOrderNo} of seller ${sellerNo} is not a pair of positive numbers`,
      );
    if (amount <= 0n || amount > WON_MAX)
      problems.push(`payment order ${paymentOrderNo} has the amount ${amount}`);
  }
  if (new Set(shares.map((share) => share.paymentOrderNo)).size !== shares.length)
    problems.push('a payment order stands in two lines');
  const sum = sumWon(shares.map((share) => share.amount));
  if (sum !== total) problems.push(`the lines sum to ${sum}, the event says ${total}`);
  return problems;
}

function problemsOfEnvelope(arriving: Arriving, record: string, booking: Booking): string[] {
  const problems: string[] = [];
  if (arriving.eventId !== arriving.message.headers[HEADER.eventId])
    problems.push(`no usable header ${HEADER.eventId}`);
  if (arriving.eventType !== record)
    problems.push(
      `header ${HEADER.eventType} says ${arriving.eventType ?? 'nothing'}, the value is a ${record}`,
    );
  if (arriving.seq === null) problems.push(`no usable header ${HEADER.aggregateSeq}`);
  if (!ORDER_ID.test(booking.orderId)) problems.push('the order id is malformed');
  if (arriving.orderId !== booking.orderId) problems.push("the key is not the value's order id");
  if (booking.type === 'DEBIT' && !CANCEL_ID.test(booking.cancelId))
    problems.push('the cancel id is malformed');
  if (booking.currency !== CURRENCY) problems.push(`the currency is ${booking.currency}, not ${CURRENCY}`);
  return problems;
}

/**
 * Turns a decoded value into a booking, or says everything that is wrong with it: an event is booked whole
 * or not at all.
 */
export function readBooking(arriving: Arriving, { record, value }: DecodedEvent): PaymentEvent['content'] {
  if (record !== 'payment.PaymentConfirmed' && record !== 'payment.PaymentCanceled') {
    return { problem: `unknown event type ${record} on topic ${arriving.message.topic}`, cause: 'invalid' };
  }
  const { orderId, currency } = value;
  const keyOf = (paymentOrderNo: number): string =>
    record === 'payment.PaymentConfirmed'
      ? `CREDIT:${paymentOrderNo}`
      : `DEBIT:${value.cancelId}:${paymentOrderNo}`;
  const shares = value.lines.map(({ paymentOrderNo, sellerNo, amount }) => ({
    paymentOrderNo,
    sellerNo,
    amount,
    idempotencyKey: keyOf(paymentOrderNo),
  }));
  const booking: Booking =
    record === 'payment.PaymentConfirmed'
      ? { type: 'CREDIT', orderId, currency, shares }
      : { type: 'DEBIT', orderId, currency, cancelId: value.cancelId, shares };
  const total = record === 'payment.PaymentConfirmed' ? value.totalAmount : value.cancelAmount;
  const problems = [...problemsOfEnvelope(arriving, record, booking), ...problemsOfShares(shares, total)];
  return problems.length === 0 ? { booking } : { problem: problems.join('; '), cause: 'invalid' };
}
