import type { DecodedEvent } from '#contracts/codec';
import { ORDER_ID } from '#contracts/topics';
import { sumWon, WON_MAX, type Won } from '#kit/money';
import type { Headed, Problem } from '#messaging/message-service';
import { envelopeProblems } from '#messaging/read-message';

const CURRENCY = 'KRW';
/** An order has at most 100 products; ten times that still fits the answer into one outbox row. */
const LINES_MAX = 1_000;
const CANCEL_ID = /^[A-Za-z0-9_=-]{1,64}$/;

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

function problemsOfBooking(booking: Booking): string[] {
  const problems: string[] = [];
  if (!ORDER_ID.test(booking.orderId)) problems.push('the order id is malformed');
  if (booking.type === 'DEBIT' && !CANCEL_ID.test(booking.cancelId))
    problems.push('the cancel id is malformed');
  if (booking.currency !== CURRENCY) problems.push(`the currency is ${booking.currency}, not ${CURRENCY}`);
  return problems;
}

/**
 * Turns a decoded value into a booking, or says everything that is wrong with it: an event is posted to the ledger as a
 * whole or not at all.
 */
export function readBooking(headed: Headed, { record, value }: DecodedEvent): Booking | Problem {
  if (record !== 'payment.PaymentConfirmed' && record !== 'payment.PaymentCanceled') {
    return { cause: 'invalid', reason: `unknown event type ${record} on topic ${headed.message.topic}` };
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
  const problems = [
    ...envelopeProblems(headed, record, orderId),
    ...problemsOfBooking(booking),
    ...problemsOfShares(shares, total),
  ];
  return problems.length === 0 ? booking : { cause: 'invalid', reason: problems.join('; ') };
}
