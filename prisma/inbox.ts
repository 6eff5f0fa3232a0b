import { valuesOf, type Reader, type Tx } from './database';
import { Prisma } from './generated/client';

/** A message that a consumer has dealt with: settled, acknowledged or parked. */
export interface Arrival {
  /** The event's id, or `{topic}:{partition}:{offset}` for a message without one. */
  eventId: string;
  topic: string;
  partition: number;
  offset: bigint;
  /** Order id, where the message has one. */
  aggregateId: string | null;
  eventSeq: number | null;
  /** SHA-256 of the value, in hex. */
  payloadHash: string;
  /** The record's time on the topic. */
  publishedAt: Date | null;
}

/** Which of these events the consumer has dealt with before: the hashes of what came under these ids. */
export async function knownEvents(
  db: Reader,
  consumer: string,
  eventIds: readonly string[],
): Promise<Map<string, string>> {
  if (eventIds.length === 0) return new Map();
  const rows = await db.query<{ event_id: string; payload_hash: string }>`
    SELECT event_id, payload_hash FROM inbox
    WHERE consumer = ${consumer} AND event_id IN (${Prisma.join([...eventIds])})`;
  return new Map(rows.map((row) => [row.event_id, row.payload_hash]));
}

/** What took these orders' sequence numbers, not what was only parked under them: hashes by `{orderId}#{seq}`. */
export async function knownSequences(
  db: Reader,
  consumer: string,
  aggregateIds: readonly string[],
): Promise<Map<string, Set<string>>> {
  const known = new Map<string, Set<string>>();
  if (aggregateIds.length === 0) return known;
  const rows = await db.query<{ aggregate_id: string; event_seq: number | bigint; payload_hash: string }>`
    SELECT aggregate_id, event_seq, payload_hash FROM inbox
    WHERE consumer = ${consumer} AND aggregate_id IN (${Prisma.join([...aggregateIds])}) AND event_seq IS NOT NULL
      AND applied`;
  for (const row of rows) {
    const key = `${row.aggregate_id}#${row.event_seq}`;
    known.set(key, (known.get(key) ?? new Set()).add(row.payload_hash));
  }
  return known;
}

/**
 * Marks events as dealt with, in the transaction of their effect.
 *
 * @param options.applied false for messages that were parked, or had nothing left to do
 *
 * @throws a duplicate-key error (`isDuplicateKey`) when another consumer was faster: nothing of the batch holds then.
 */
export async function arrive(
  tx: Tx,
  consumer: string,
  arrivals: readonly Arrival[],
  { applied = true }: { applied?: boolean } = {},
): Promise<void> {
  if (arrivals.length === 0) return;
  const rows = arrivals.map((a) => [
    consumer,
    a.eventId,
    a.topic,
    a.partition,
    a.offset,
    a.aggregateId,
    a.eventSeq,
    a.payloadHash,
    applied,
    a.publishedAt,
  ]);
  await tx.execute`
    INSERT INTO inbox (consumer, event_id, topic, \`partition\`, \`offset\`, aggregate_id, event_seq, payload_hash,
      applied, published_at)
    VALUES ${valuesOf(rows)}`;
}
