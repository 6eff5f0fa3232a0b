import { letterBefore, nextSeq, ownDeadLetter, type DeadLetterState } from '#prisma/dead-letters.rules';
import type { Booking, PaymentEvent } from './payment-event.rules';

/** How far an order has come: `settlements`. */
export interface OrderProgress {
  lastSeqIn: number;
  lastSeqOut: number;
}

/** What the database knows about the events of a batch. */
export interface Known {
  eventIds: ReadonlySet<string>;
  orders: ReadonlyMap<string, OrderProgress>;
  /** Dead letters of the batch's orders, and the ones that its redriven events name. */
  deadLetters: readonly DeadLetterState[];
  /** Hashes of what was settled, by `{orderId}#{seq}`. */
  settledHashes: ReadonlyMap<string, ReadonlySet<string>>;
  sellers: ReadonlySet<number>;
  /** Credited and not debited yet, by `shareKey`. */
  credited: ReadonlyMap<string, bigint>;
}

/**
 * Why an event is parked. `behind`: an earlier event of its order is. `gap`: an earlier one has not arrived.
 * `conflict`: its place in the sequence was taken by another content, or given up by hand. `refused`: by the database.
 */
export type ParkCause =
  'undecodable' | 'invalid' | 'refused' | 'behind' | 'gap' | 'conflict' | 'unknown_seller' | 'not_credited';

/**
 * What becomes of one event. `known`: dealt with before, nothing is written. `repeated`: nothing to book,
 * only the inbox learns of it. `deadLetterId` of these is the dead letter that the event redrives, and
 * thereby resolves.
 */
export type Verdict =
  | { kind: 'known'; event: PaymentEvent }
  | { kind: 'repeated'; event: PaymentEvent; deadLetterId: string | null }
  | {
      kind: 'settle';
      event: PaymentEvent;
      deadLetterId: string | null;
      booking: Booking;
      seqIn: number;
      seqOut: number;
      /** A later event of the order had come before this one, and is held. */
      isLate: boolean;
    }
  | {
      kind: 'park';
      event: PaymentEvent;
      /** A new dead letter's id, or the one that goes back to OPEN. */
      deadLetterId: string;
      isReopened: boolean;
      cause: ParkCause;
      error: string;
    };

export const shareKey = (orderId: string, paymentOrderNo: number, sellerNo: number): string =>
  `${orderId}#${paymentOrderNo}#${sellerNo}`;

/** The batch's view of the database, kept up to date with what earlier events of the same batch did. */
class Progress {
  readonly #known: Known;
  readonly #eventIds: Set<string>;
  readonly #orders = new Map<string, OrderProgress>();
  readonly #deadLetters: DeadLetterState[];
  readonly #hashes = new Map<string, Set<string>>();
  readonly #credited: Map<string, bigint>;

  constructor(known: Known) {
    this.#known = known;
    this.#eventIds = new Set(known.eventIds);
    this.#deadLetters = known.deadLetters.map((letter) => ({ ...letter }));
    this.#credited = new Map(known.credited);
  }

  isKnown = (eventId: string): boolean => this.#eventIds.has(eventId);

  order(orderId: string): OrderProgress {
    return this.#orders.get(orderId) ?? this.#known.orders.get(orderId) ?? { lastSeqIn: 0, lastSeqOut: 0 };
  }

  deadLetter = (id: string | null): DeadLetterState | undefined =>
    this.#deadLetters.find((letter) => letter.id === id);

  ownDeadLetter = (event: PaymentEvent): DeadLetterState | undefined =>
    ownDeadLetter(event.redriveOf, event.orderId, this.#deadLetters);

  deadLettersOf = (orderId: string): DeadLetterState[] =>
    this.#deadLetters.filter((letter) => letter.orderId === orderId);

  wasSettled(orderId: string, seq: number, hash: string): boolean {
    const key = `${orderId}#${seq}`;
    return (
      this.#hashes.get(key)?.has(hash) === true || this.#known.settledHashes.get(key)?.has(hash) === true
    );
  }

  missingSeller = (booking: Booking): number | undefined =>
    booking.shares.find((share) => !this.#known.sellers.has(share.sellerNo))?.sellerNo;

  uncredited = (booking: Booking): number | undefined =>
    booking.shares.find(
      ({ paymentOrderNo, sellerNo, amount }) =>
        (this.#credited.get(shareKey(booking.orderId, paymentOrderNo, sellerNo)) ?? 0n) < amount,
    )?.paymentOrderNo;

  /** Takes a verdict into account for the events behind it. */
  note(verdict: Verdict): void {
    const { event } = verdict;
    this.#eventIds.add(event.eventId);
    if (verdict.kind === 'known') return;
    const own = this.deadLetter(verdict.deadLetterId);
    if (verdict.kind === 'park') {
      const { deadLetterId: id } = verdict;
      if (own !== undefined) own.status = 'OPEN';
      else
        this.#deadLetters.push({
          id,
          orderId: event.orderId,
          seq: event.seq,
          status: 'OPEN',
          closed: null,
        });
      return;
    }
    if (own !== undefined) own.status = 'RESOLVED';
    if (verdict.kind === 'repeated') return;
    const { booking, seqIn, seqOut } = verdict;
    this.#orders.set(booking.orderId, { lastSeqIn: seqIn, lastSeqOut: seqOut });
    this.#hashes.set(`${booking.orderId}#${seqIn}`, new Set([event.payloadHash]));
    for (const { paymentOrderNo, sellerNo, amount } of booking.shares) {
      const key = shareKey(booking.orderId, paymentOrderNo, sellerNo);
      const before = this.#credited.get(key) ?? 0n;
      this.#credited.set(key, booking.type === 'CREDIT' ? before + amount : before - amount);
    }
  }
}

function verdictOf(event: PaymentEvent, progress: Progress, newDeadLetterId: () => string): Verdict {
  if (progress.isKnown(event.eventId)) return { kind: 'known', event };
  const own = progress.ownDeadLetter(event);
  const deadLetterId = own?.id ?? null;
  // Closed by hand or settled by an earlier redrive: a late copy must not book it after all.
  if (own?.status === 'RESOLVED') return { kind: 'repeated', event, deadLetterId };
  const park = (cause: ParkCause, error: string): Verdict => ({
    kind: 'park',
    event,
    deadLetterId: deadLetterId ?? newDeadLetterId(),
    isReopened: deadLetterId !== null,
    cause,
    error,
  });
  const { content, seq, orderId } = event;
  // An altered copy had its id first, and the event itself has been redriven since: nothing is left to do for it.
  const isConflict = 'cause' in content && content.cause === 'conflict';
  if (isConflict && orderId !== null && seq !== null && progress.wasSettled(orderId, seq, event.payloadHash))
    return { kind: 'repeated', event, deadLetterId };
  if ('problem' in content) return park(content.cause, content.problem);
  if (seq === null) return park('invalid', 'no sequence number');

  const { booking } = content;
  const { lastSeqIn, lastSeqOut } = progress.order(booking.orderId);
  const deadLetters = progress.deadLettersOf(booking.orderId);
  if (seq <= lastSeqIn) {
    if (progress.wasSettled(booking.orderId, seq, event.payloadHash))
      return { kind: 'repeated', event, deadLetterId };
    return park('conflict', `sequence ${seq} was taken by another content (last is ${lastSeqIn})`);
  }
  const due = nextSeq(lastSeqIn, deadLetters);
  // Whoever gave it up may have paid by hand: booked after all, it would be paid twice.
  if (seq < due) return park('conflict', `sequence ${seq} was given up by hand (due is ${due})`);
  const before = letterBefore(seq, own, deadLetters);
  if (before !== undefined) return park('behind', `waits behind the dead letter ${before.id} of its order`);
  if (seq > due) return park('gap', `held: sequence ${seq} arrived, but ${due} is missing`);
  const seller = progress.missingSeller(booking);
  if (seller !== undefined) return park('unknown_seller', `there is no seller ${seller}`);
  const uncredited = booking.type === 'DEBIT' ? progress.uncredited(booking) : undefined;
  if (uncredited !== undefined)
    return park('not_credited', `payment order ${uncredited} was not credited by this amount to this seller`);
  const isLate = deadLetters.some(
    (letter) => letter.status !== 'RESOLVED' && letter !== own && (letter.seq ?? 0) > seq,
  );
  return { kind: 'settle', event, deadLetterId, booking, seqIn: seq, seqOut: lastSeqOut + 1, isLate };
}

/**
 * Decides over a batch, in its order: later events see what earlier ones did. Pure.
 *
 * A gap in an order's sequence is held as a dead letter, not by stopping: what is missing may never come
 * (the predecessor was lost, or is itself wrong), and a stopped partition would keep every other order's
 * sellers waiting for one. Nothing of the held event is booked, the order's later events wait behind it, the
 * alarm is the metric and the error line, and once the predecessor is settled an operator redrives the held
 * one with its bytes.
 */
export function decide(
  events: readonly PaymentEvent[],
  known: Known,
  newDeadLetterId: () => string,
): Verdict[] {
  const progress = new Progress(known);
  return events.map((event) => {
    const verdict = verdictOf(event, progress, newDeadLetterId);
    progress.note(verdict);
    return verdict;
  });
}
