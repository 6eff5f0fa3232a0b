import type { EventRecords } from './generated-types';

export type RecordName = keyof EventRecords;

/** Topics by name. Partitions bound how many consumers can share a topic; changing them later reorders keys. */
export const TOPICS = {
  payment: { partitions: 6 },
  wallet: { partitions: 6 },
  payment_wallet_dlq: { partitions: 1 },
  wallet_payment_dlq: { partitions: 1 },
} as const;

export type TopicName = keyof typeof TOPICS;

/** Consumer groups; the same names stand in the inbox and on dead letters. */
export const WALLET_SERVICE = 'wallet-service';
export const PAYMENT_SERVICE = 'payment-service';

/** Kafka headers that Debezium's outbox router sets from the columns of `outbox`. */
export const HEADER = {
  eventId: 'id',
  eventType: 'eventType',
  aggregateSeq: 'aggregateSeq',
  traceparent: 'traceparent',
  redriveOf: 'redriveOf',
} as const;

/** Records larger than this are refused when the outbox row is written; see the CHECK on `outbox.payload`. */
export const PAYLOAD_BYTES_MAX = 512 * 1024;

/** What an order id looks like, here and at the PSP. Nothing else is asked of the database, whose columns are ASCII. */
export const ORDER_ID = /^[A-Za-z0-9_=-]{1,64}$/;
