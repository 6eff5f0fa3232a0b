import type { DatabaseClock } from '#prisma/clock';
import type { Tx } from '#prisma/database';
import { deadLettersFor, idTakenProblem, isIdTaken, withoutEventId } from '#prisma/dead-letters';
import { knownEvents, knownSequences } from '#prisma/inbox';
import { headedOf } from './read-message';
import { isProblem, type Incoming, type MessageService } from './message-service';
import type { Past } from './sequence.rules';

const unique = <T>(items: readonly (T | null)[]): T[] => [
  ...new Set(items.filter((item): item is T & NonNullable<unknown> => item !== null)),
];

export interface Loaded<Content, State> {
  /** The batch; an event whose id belongs to other content is identified by its position and cannot be applied. */
  events: Incoming<Content>[];
  past: Past;
  state: State;
  /** The database's time, read under the locks. */
  now: Date;
}

/**
 * Reads and locks what the decision needs. In the ordinary case that is one packet; its statements take their locks in the
 * order in which every consumer takes them.
 */
export async function loadPast<Content extends object, State>(
  tx: Tx,
  service: MessageService<Content, State>,
  batch: readonly Incoming<Content>[],
  clock: DatabaseClock,
): Promise<Loaded<Content, State>> {
  const { consumer } = service;
  const contents = batch.flatMap(({ content }) => (isProblem(content) ? [] : [content]));
  const [knownHashes, state, deadLetters, now] = await Promise.all([
    knownEvents(tx, consumer, unique(batch.map(({ arrival }) => arrival.eventId))),
    service.load(tx, contents),
    deadLettersFor(tx, consumer, {
      orderIds: unique(batch.map(({ arrival }) => arrival.aggregateId)),
      redriven: unique(batch.map(({ redriveOf }) => redriveOf)),
    }),
    clock(tx),
  ]);
  const { events, positions } = identify(batch, knownHashes);
  const knownPositions = await knownEvents(tx, consumer, positions);
  const repeatedOrders = unique(events.map((event) => repeatedOrderOf(service, state, event)));
  return {
    events,
    state,
    now,
    past: {
      eventIds: new Set([...knownHashes.keys(), ...knownPositions.keys()]),
      deadLetters,
      appliedHashes: await knownSequences(tx, consumer, repeatedOrders),
    },
  };
}

/** The order whose applied contents must be compared, because this event's number was taken before. */
function repeatedOrderOf<Content extends object, State>(
  service: MessageService<Content, State>,
  state: State,
  { arrival: { aggregateId, eventSeq }, content }: Incoming<Content>,
): string | null {
  if (aggregateId === null || eventSeq === null) return null;
  if (isProblem(content)) return content.cause === 'conflict' ? aggregateId : null;
  const lastSeq = service.lastSeq(state, aggregateId);
  return typeof lastSeq === 'number' && eventSeq <= lastSeq ? aggregateId : null;
}

/** Gives each event the id that it is known by. One whose id belongs to other content goes by its position. */
function identify<Content extends object>(
  batch: readonly Incoming<Content>[],
  knownHashes: ReadonlyMap<string, string>,
): { events: Incoming<Content>[]; positions: string[] } {
  const hashes = new Map(knownHashes);
  const positions: string[] = [];
  const events = batch.map((event): Incoming<Content> => {
    const { message, arrival } = event;
    const hash = hashes.get(arrival.eventId);
    if (hash === undefined) hashes.set(arrival.eventId, arrival.payloadHash);
    if (!isIdTaken(message, arrival, hash)) return event;
    const byPosition = headedOf(withoutEventId(message));
    positions.push(byPosition.arrival.eventId);
    return { ...byPosition, content: { cause: 'conflict', reason: idTakenProblem(arrival.eventId) } };
  });
  return { events, positions };
}
