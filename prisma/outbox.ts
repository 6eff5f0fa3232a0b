import type { EventRecords } from '#contracts/generated-types';
import type { Encode } from '#contracts/codec';
import { PAYLOAD_BYTES_MAX, type RecordName, type TopicName } from '#contracts/topics';
import { valuesOf, type Tx } from './database';

/** An event that is to leave the service with the state it describes. */
export interface Departure<R extends RecordName = RecordName> {
  /** UUIDv7; consumers know the event by it. */
  eventId: string;
  topic: TopicName;
  /** Message key: one order's events stay in order. */
  aggregateId: string;
  /**
   * Position in the aggregate's dense sequence on this topic, from 1, counted on the aggregate's own row.
   * `null` for what is not part of a sequence (a dead letter).
   */
  seq: number | null;
  record: R;
  value: EventRecords[R];
  /** Unique for ever: the same fact cannot leave twice. */
  idempotencyKey: string;
  /** W3C trace context of the request that caused the event. */
  traceparent?: string | null;
}

/**
 * Writes events into `outbox`, in the caller's transaction; Debezium publishes them once it commits.
 *
 * @throws Error when a value does not match its record or is larger than the broker takes.
 */
export async function depart(tx: Tx, encode: Encode, departures: readonly Departure[]): Promise<void> {
  if (departures.length === 0) return;
  const rows = departures.map((departure) => {
    const payload = encode(departure.record, departure.value);
    if (payload.length > PAYLOAD_BYTES_MAX) {
      throw new Error(`${departure.record} of ${payload.length} bytes exceeds ${PAYLOAD_BYTES_MAX}`);
    }
    const { eventId, topic, aggregateId, seq, record, idempotencyKey, traceparent = null } = departure;
    return [eventId, topic, aggregateId, seq, seq, record, idempotencyKey, payload, traceparent];
  });
  await tx.execute`
    INSERT INTO outbox
      (id, aggregate_type, aggregate_id, aggregate_seq, event_seq, event_type, idempotency_key, payload, traceparent)
    VALUES ${valuesOf(rows)}`;
}
