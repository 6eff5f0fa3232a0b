import {
  letterBefore,
  nextSeq,
  ownDeadLetter,
  type DeadLetterState,
  type ParkCause,
} from '#prisma/dead-letters.rules';
import { isProblem, type Due, type Incoming, type MessageService } from './message-service';

/** What the database says about a batch. */
export interface Past {
  /** Ids of events that were processed before. */
  eventIds: ReadonlySet<string>;
  /** Dead letters of the batch's orders, and those that its redriven events name. */
  deadLetters: readonly DeadLetterState[];
  /** Hashes of what was applied, by `{orderId}#{seq}`. */
  appliedHashes: ReadonlyMap<string, ReadonlySet<string>>;
}

/** What becomes of one message. */
export type Outcome<Content> =
  /** Processed before; nothing is written. */
  | { kind: 'known'; event: Incoming<Content> }
  /** Nothing is left to apply; only the inbox records it. */
  | { kind: 'repeated'; event: Incoming<Content>; deadLetterId: string | null }
  | {
      kind: 'applied';
      event: Due<Content>;
      /** The dead letter that the event redrives, and thereby resolves. */
      deadLetterId: string | null;
      /** A later event of the order arrived first and is parked. */
      isLate: boolean;
    }
  | {
      kind: 'parked';
      event: Incoming<Content>;
      /** A new dead letter's id, or that of the one which opens again. */
      deadLetterId: string;
      isReopened: boolean;
      cause: ParkCause;
      reason: string;
    };

/** The database's view of a batch, kept up to date with what earlier events of the same batch did. */
class Progress {
  readonly #past: Past;
  readonly #eventIds: Set<string>;
  readonly #lastSeqs = new Map<string, number>();
  readonly #hashes = new Map<string, string>();
  readonly #deadLetters: DeadLetterState[];

  constructor(past: Past) {
    this.#past = past;
    this.#eventIds = new Set(past.eventIds);
    this.#deadLetters = past.deadLetters.map((letter) => ({ ...letter }));
  }

  isKnown = (eventId: string): boolean => this.#eventIds.has(eventId);

  lastSeq = (orderId: string): number | undefined => this.#lastSeqs.get(orderId);

  ownDeadLetter = ({ redriveOf, arrival }: Incoming<unknown>): DeadLetterState | undefined =>
    ownDeadLetter(redriveOf, arrival.aggregateId, this.#deadLetters);

  deadLettersOf = (orderId: string): DeadLetterState[] =>
    this.#deadLetters.filter((letter) => letter.orderId === orderId);

  wasApplied(orderId: string, seq: number, hash: string): boolean {
    const key = `${orderId}#${seq}`;
    return this.#hashes.get(key) === hash || this.#past.appliedHashes.get(key)?.has(hash) === true;
  }

  /** Takes an outcome into account for the events behind it. */
  note(outcome: Outcome<unknown>): void {
    const { arrival } = outcome.event;
    this.#eventIds.add(arrival.eventId);
    if (outcome.kind === 'known') return;
    const own = this.#deadLetters.find(({ id }) => id === outcome.deadLetterId);
    if (outcome.kind === 'parked') {
      const { aggregateId: orderId, eventSeq: seq } = arrival;
      if (own !== undefined) own.status = 'OPEN';
      else this.#deadLetters.push({ id: outcome.deadLetterId, orderId, seq, status: 'OPEN', closed: null });
      return;
    }
    if (own !== undefined) own.status = 'RESOLVED';
    if (outcome.kind === 'repeated') return;
    const { orderId, seq } = outcome.event;
    this.#lastSeqs.set(orderId, seq);
    this.#hashes.set(`${orderId}#${seq}`, arrival.payloadHash);
  }
}

type Judge<Content extends object, State> = Pick<MessageService<Content, State>, 'lastSeq' | 'accept'>;

function judge<Content extends object, State>(
  event: Incoming<Content>,
  progress: Progress,
  service: Judge<Content, State>,
  state: State,
  newDeadLetterId: () => string,
): Outcome<Content> {
  const { arrival, content } = event;
  const { aggregateId: orderId, eventSeq: seq, payloadHash } = arrival;
  if (progress.isKnown(arrival.eventId)) return { kind: 'known', event };
  const own = progress.ownDeadLetter(event);
  const deadLetterId = own?.id ?? null;
  const repeated: Outcome<Content> = { kind: 'repeated', event, deadLetterId };
  const park = (cause: ParkCause, reason: string): Outcome<Content> => ({
    kind: 'parked',
    event,
    deadLetterId: deadLetterId ?? newDeadLetterId(),
    isReopened: deadLetterId !== null,
    cause,
    reason,
  });
  // An operator resolved it, or an earlier redrive applied it: a late copy must not be applied after all.
  if (own?.status === 'RESOLVED') return repeated;
  if (isProblem(content)) {
    // An altered copy had its id first, and the event itself has been redriven since: nothing is left to do for it.
    const isConflict = content.cause === 'conflict' && orderId !== null && seq !== null;
    if (isConflict && progress.wasApplied(orderId, seq, payloadHash)) return repeated;
    return park(content.cause, content.reason);
  }
  if (orderId === null) return park('invalid', 'the key is no order id');
  const lastSeq = progress.lastSeq(orderId) ?? service.lastSeq(state, orderId);
  if (isProblem(lastSeq)) return park(lastSeq.cause, lastSeq.reason);
  if (seq === null) return park('invalid', 'no usable header aggregateSeq');
  if (seq <= lastSeq) {
    if (progress.wasApplied(orderId, seq, payloadHash)) return repeated;
    return park('conflict', `sequence ${seq} was applied before with other content (last is ${lastSeq})`);
  }
  const deadLetters = progress.deadLettersOf(orderId);
  const due = nextSeq(lastSeq, deadLetters);
  // The operator who skipped it may have paid by hand: applied after all, it would be paid twice.
  if (seq < due) return park('conflict', `sequence ${seq} was skipped by an operator (${due} is next)`);
  const before = letterBefore(seq, own, deadLetters);
  if (before !== undefined) return park('behind', `waits behind the dead letter ${before.id} of its order`);
  if (seq > due) return park('gap', `sequence ${seq} arrived, but ${due} is missing`);
  const dueEvent: Due<Content> = { ...event, content, orderId, seq };
  const problem = service.accept(state, dueEvent);
  if (problem !== undefined) return park(problem.cause, problem.reason);
  // A redriven event is late because we parked it, so it is not counted as reordered.
  const isLate =
    own === undefined &&
    deadLetters.some((letter) => letter.status !== 'RESOLVED' && (letter.seq ?? 0) > seq);
  return { kind: 'applied', event: dueEvent, deadLetterId, isLate };
}

/**
 * Decides over a batch, in its order: later events see what earlier ones did.
 *
 * A gap in an order's sequence is parked, it does not stop the partition: the missing event may never arrive (it was lost,
 * or is itself wrong), and a stopped partition would hold up every other order. Nothing of the parked event is applied, and
 * the order's later events wait behind it. Once the missing event is applied, an operator redrives the parked one.
 */
export function decide<Content extends object, State>(
  events: readonly Incoming<Content>[],
  past: Past,
  service: Judge<Content, State>,
  state: State,
  newDeadLetterId: () => string,
): Outcome<Content>[] {
  const progress = new Progress(past);
  return events.map((event) => {
    const outcome = judge(event, progress, service, state, newDeadLetterId);
    progress.note(outcome);
    return outcome;
  });
}
