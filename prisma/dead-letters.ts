import { createHash } from 'node:crypto';
import type { Encode } from '#contracts/codec';
import { HEADER, type TopicName } from '#contracts/topics';
import type { ConsumedMessage } from '#kit/kafka-consumer';
import { isTraceparent } from '#kit/trace-context';
import type { Reader, Tx } from './database';
import { Prisma } from './generated/client';
import { arrive, type Arrival } from './inbox';
import { depart } from './outbox';

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

export interface Parking {
  consumer: string;
  deadLetterTopic: TopicName;
  message: ConsumedMessage;
  /** Why, in words for an operator. */
  error: string;
  deadLetterId: string;
  eventId: string;
  parkedAt: Date;
}

/**
 * Parks a message that cannot be processed: its row with the original bytes, its event for the dead-letter topic, and
 * its inbox row, all in the caller's transaction. The partition goes on behind it.
 */
export async function park(tx: Tx, encode: Encode, parking: Parking): Promise<void> {
  const { consumer, message, error, deadLetterId, parkedAt } = parking;
  const { topic, partition, offset, key, value, headers } = message;
  const arrival = arrivalOf(message);
  const eventType = headers[HEADER.eventType]?.slice(0, EVENT_TYPE_CHARACTERS_MAX) ?? null;
  const traceparent = headers[HEADER.traceparent] ?? '';
  const shortError = error.slice(0, ERROR_CHARACTERS_MAX);
  await tx.$executeRaw`
    INSERT INTO dead_letters (id, consumer, topic, \`partition\`, \`offset\`, event_id, event_type, message_key,
      aggregate_id, event_seq, headers, payload, error, parked_at)
    VALUES (${deadLetterId}, ${consumer}, ${topic}, ${partition}, ${offset}, ${arrival.eventId}, ${eventType},
      ${key?.subarray(0, KEY_BYTES_MAX) ?? null}, ${arrival.aggregateId}, ${arrival.eventSeq},
      ${JSON.stringify(headers)}, ${value}, ${shortError}, ${parkedAt})`;
  await depart(tx, encode, [
    {
      eventId: parking.eventId,
      topic: parking.deadLetterTopic,
      aggregateId: arrival.aggregateId ?? deadLetterId,
      seq: null,
      record: 'deadletter.DeadLettered',
      value: {
        deadLetterId,
        topic,
        partition,
        offset: Number(offset),
        eventId: arrival.eventId,
        eventType,
        key: key?.subarray(0, KEY_BYTES_MAX).toString('utf8') ?? null,
        error: shortError,
        payload: value?.subarray(0, TOPIC_PAYLOAD_BYTES_MAX) ?? Buffer.alloc(0),
        payloadSize: value?.length ?? 0,
        parkedAt,
      },
      idempotencyKey: `deadletter.DeadLettered:${deadLetterId}`,
      // Anything may stand in a header; what the column does not take would block the partition.
      traceparent: isTraceparent(traceparent) ? traceparent : null,
    },
  ]);
  await arrive(tx, consumer, [arrival]);
}

/** Orders of which a message is parked and not yet settled: later events of them must wait behind it. */
export async function blockedAggregates(
  db: Reader,
  consumer: string,
  aggregateIds: readonly string[],
): Promise<Map<string, string>> {
  if (aggregateIds.length === 0) return new Map();
  const rows = await db.$queryRaw<{ aggregate_id: string; id: string }[]>`
    SELECT aggregate_id, MIN(id) AS id FROM dead_letters
    WHERE consumer = ${consumer} AND aggregate_id IN (${Prisma.join([...aggregateIds])}) AND status <> 'RESOLVED'
    GROUP BY aggregate_id`;
  return new Map(rows.map((row) => [row.aggregate_id, row.id]));
}
