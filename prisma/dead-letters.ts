import { createHash } from 'node:crypto';
import type { Encode } from '#contracts/codec';
import { HEADER, type TopicName } from '#contracts/topics';
import type { ConsumedMessage } from '#kit/kafka-consumer';
import { isTraceparent } from '#kit/trace-context';
import { Prisma, type Reader, type Tx } from './database';
import type { DeadLetterState, ParkCause } from './dead-letters.rules';
import { arrive, type Arrival } from './inbox';
import { depart, type Departure } from './outbox';
import { storedHeaders } from './stored-headers';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const SEQUENCE = /^[1-9]\d{0,8}$/;
const AGGREGATE_ID = /^[\x21-\x7e]{1,300}$/;
const ERROR_CHARACTERS_MAX = 1000;
const EVENT_TYPE_CHARACTERS_MAX = 100;
const KEY_BYTES_MAX = 1024;
/** What the dead-letter topic carries of the value; the row has the whole of it. */
const TOPIC_PAYLOAD_BYTES_MAX = 64 * 1024;

/** What the inbox needs to know of a message, whatever is in it. */
export function arrivalOf(message: ConsumedMessage): Arrival {
  const { topic, partition, offset, key, value, headers } = message;
  const eventId = headers[HEADER.eventId] ?? '';
  const sequence = headers[HEADER.aggregateSeq] ?? '';
  const aggregateId = key?.toString('latin1') ?? '';
  return {
    // A message without an id of ours is known by its place.
    eventId: UUID.test(eventId) ? eventId : `${topic}:${partition}:${offset}`,
    topic,
    partition,
    offset,
    aggregateId: AGGREGATE_ID.test(aggregateId) ? aggregateId : null,
    eventSeq: SEQUENCE.test(sequence) ? Number(sequence) : null,
    payloadHash: createHash('sha256')
      .update(value ?? Buffer.alloc(0))
      .digest('hex'),
    publishedAt: message.publishedAt ?? null,
  };
}

/**
 * Has another content come under this message's event id? `knownHash` is the hash of what came. One of the two is corrupted
 * or forged, and the id does not say which.
 */
export const isIdTaken = (
  { headers }: ConsumedMessage,
  arrival: Arrival,
  knownHash: string | undefined,
): boolean =>
  knownHash !== undefined && knownHash !== arrival.payloadHash && headers[HEADER.eventId] === arrival.eventId;

/** The message without the event id that another content has taken: it is known by its place, and so can be parked. */
export function withoutEventId(message: ConsumedMessage): ConsumedMessage {
  const { [HEADER.eventId]: _taken, ...headers } = message.headers;
  const original =
    message.originalHeaders ??
    Object.entries(message.headers).map(([name, text]) => [name, Buffer.from(text)] as const);
  return { ...message, headers, originalHeaders: original };
}

/** Why a message is parked whose event id another content has taken. */
export const idTakenProblem = (eventId: string): string =>
  `another content has come as event ${eventId} before`;

/** The dead letter that a redriven message names; `null` for an ordinary one. */
export function redriveOf({ headers }: ConsumedMessage): string | null {
  const id = headers[HEADER.redriveOf] ?? '';
  return UUID.test(id) ? id : null;
}

export interface Parking {
  message: ConsumedMessage;
  cause: ParkCause;
  /** The same in words, for an operator. */
  reason: string;
  /** A new dead letter's id, or, of a redriven event that failed again, the one that opens again. */
  deadLetterId: string;
  isReopened: boolean;
  /** Of the event on the dead-letter topic. */
  eventId: string;
}

export interface ParkingLot {
  consumer: string;
  deadLetterTopic: TopicName;
  parkedAt: Date;
}

export const eventTypeOf = ({ headers }: ConsumedMessage): string | null =>
  headers[HEADER.eventType]?.slice(0, EVENT_TYPE_CHARACTERS_MAX) ?? null;

/** What the dead-letter topic says of a parked message. A redriven one that fails again is announced again. */
function deadLettered({ deadLetterTopic, parkedAt }: ParkingLot, parking: Parking): Departure {
  const { message, deadLetterId, isReopened, cause, reason } = parking;
  const { topic, partition, offset, key, value, headers } = message;
  const { eventId, aggregateId } = arrivalOf(message);
  const position = Number(offset);
  if (!Number.isSafeInteger(position)) throw new RangeError(`offset ${offset} is beyond exact numbers`);
  const traceparent = headers[HEADER.traceparent] ?? '';
  return {
    eventId: parking.eventId,
    topic: deadLetterTopic,
    aggregateId: aggregateId ?? deadLetterId,
    seq: null,
    record: 'deadletter.DeadLettered',
    value: {
      deadLetterId,
      topic,
      partition,
      offset: position,
      eventId,
      eventType: eventTypeOf(message),
      key: key?.subarray(0, KEY_BYTES_MAX).toString('utf8') ?? null,
      error: reason.slice(0, ERROR_CHARACTERS_MAX),
      cause,
      payload: Buffer.from(value?.subarray(0, TOPIC_PAYLOAD_BYTES_MAX) ?? []),
      payloadSize: value?.length ?? 0,
      parkedAt,
    },
    idempotencyKey: `deadletter.DeadLettered:${deadLetterId}${isReopened ? `:${eventId}` : ''}`,
    // Anything may stand in a header; what the column does not take would block the partition.
    traceparent: isTraceparent(traceparent) ? traceparent : null,
  };
}

/** Keeps messages whole: bytes, key and headers as they came, and where they stand in the topic. */
async function insertDeadLetters(
  tx: Tx,
  { consumer, parkedAt }: ParkingLot,
  parkings: readonly Parking[],
): Promise<void> {
  if (parkings.length === 0) return;
  const rows = parkings.map(({ deadLetterId, message, cause, reason }) => {
    const { topic, partition, offset, key, value } = message;
    const arrival = arrivalOf(message);
    return Prisma.sql`(${deadLetterId}, ${consumer}, ${topic}, ${partition}, ${offset}, ${arrival.eventId},
      ${eventTypeOf(message)}, ${key?.subarray(0, KEY_BYTES_MAX) ?? null}, ${arrival.aggregateId},
      ${arrival.eventSeq}, ${JSON.stringify(storedHeaders(message))}, ${value}, ${cause},
      ${reason.slice(0, ERROR_CHARACTERS_MAX)}, ${parkedAt})`;
  });
  await tx.execute`
    INSERT INTO dead_letters (id, consumer, topic, \`partition\`, \`offset\`, event_id, event_type, message_key,
      aggregate_id, event_seq, headers, payload, cause, error, parked_at)
    VALUES ${Prisma.join(rows)}`;
}

/**
 * Parks messages that cannot be processed: their rows with the original bytes, their events for the dead-letter topic,
 * and their inbox rows, all in the caller's transaction. The partition goes on behind them.
 */
export async function park(
  tx: Tx,
  encode: Encode,
  lot: ParkingLot,
  parkings: readonly Parking[],
): Promise<void> {
  if (parkings.length === 0) return;
  await arrive(
    tx,
    lot.consumer,
    parkings.map(({ message }) => arrivalOf(message)),
    { applied: false },
  );
  await insertDeadLetters(
    tx,
    lot,
    parkings.filter(({ isReopened }) => !isReopened),
  );
  for (const { deadLetterId, cause, reason } of parkings.filter(({ isReopened }) => isReopened)) {
    await tx.execute`
      UPDATE dead_letters SET status = 'OPEN', cause = ${cause}, error = ${reason.slice(0, ERROR_CHARACTERS_MAX)}
      WHERE id = ${deadLetterId} AND status <> 'RESOLVED'`;
  }
  await depart(
    tx,
    encode,
    parkings.map((parking) => deadLettered(lot, parking)),
  );
}

interface StateRow {
  id: string;
  aggregate_id: string | null;
  event_seq: number | null;
  status: DeadLetterState['status'];
  closed_from_seq: number | null;
  closed_to_seq: number | null;
}

const toState = (row: StateRow): DeadLetterState => ({
  id: row.id,
  orderId: row.aggregate_id,
  seq: row.event_seq,
  status: row.status,
  closed:
    row.closed_from_seq === null || row.closed_to_seq === null
      ? null
      : { fromSeq: row.closed_from_seq, toSeq: row.closed_to_seq },
});

/**
 * Every dead letter of these orders, whatever its status, in the order of parking, and the ones that redriven events
 * name: those are locked, so that nobody closes one while its event is settled.
 */
export async function deadLettersFor(
  tx: Tx,
  consumer: string,
  { orderIds, redriven }: { orderIds: readonly string[]; redriven: readonly string[] },
): Promise<DeadLetterState[]> {
  const [locked, others] = await Promise.all([
    lockDeadLetters(tx, consumer, redriven),
    deadLettersOf(tx, consumer, orderIds),
  ]);
  const lockedIds = new Set(locked.map(({ id }) => id));
  return [...locked, ...others.filter(({ id }) => !lockedIds.has(id))];
}

async function lockDeadLetters(tx: Tx, consumer: string, ids: readonly string[]): Promise<DeadLetterState[]> {
  if (ids.length === 0) return [];
  const rows = await tx.query<StateRow>`
    SELECT id, aggregate_id, event_seq, status, closed_from_seq, closed_to_seq
    FROM dead_letters FORCE INDEX (dead_letters_id_key)
    WHERE consumer = ${consumer} AND id IN (${Prisma.join([...ids].sort())})
    ORDER BY id FOR UPDATE`;
  return rows.map(toState);
}

/** Every dead letter of these orders, whatever its status, in the order of parking. */
export async function deadLettersOf(
  db: Reader,
  consumer: string,
  orderIds: readonly string[],
): Promise<DeadLetterState[]> {
  if (orderIds.length === 0) return [];
  const rows = await db.query<StateRow & { no: bigint }>`
    SELECT no, id, aggregate_id, event_seq, status, closed_from_seq, closed_to_seq FROM dead_letters
    WHERE consumer = ${consumer} AND aggregate_id IN (${Prisma.join([...orderIds])})`;
  // Sorted here: they are few, and MySQL would sort every batch.
  return rows.sort((a, b) => Number(a.no - b.no)).map(toState);
}

/** The redriven event needs nothing more: it was settled in this very transaction, or had been before. */
export async function resolveDeadLetter(
  tx: Tx,
  consumer: string,
  { id, resolution, now }: { id: string; resolution: string; now: Date },
): Promise<void> {
  await tx.execute`
    UPDATE dead_letters SET status = 'RESOLVED', resolved_by = ${consumer}, resolved_at = ${now},
      resolution = ${resolution}
    WHERE id = ${id} AND status <> 'RESOLVED'`;
}
