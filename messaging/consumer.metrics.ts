import { Counter, Histogram, type Registry } from 'prom-client';

const BATCH_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const BATCH_MESSAGES = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000];

export interface ConsumerMetricsNames {
  /** First word of every metric's name. */
  prefix: 'wallet' | 'payment';
  /** What applying an event is called: `{prefix}_{applied}_events_total`. */
  applied: 'settled' | 'acknowledged';
}

/** What `/metrics` says of one consumer. Everything is counted after the commit. */
export function createConsumerMetrics(registry: Registry, { prefix, applied }: ConsumerMetricsNames) {
  const registers = [registry];
  const counter = (name: string, help: string): Counter =>
    new Counter({ name: `${prefix}_${name}_total`, help, registers });
  return {
    applied: new Counter({
      name: `${prefix}_${applied}_events_total`,
      help: `Events ${applied}.`,
      labelNames: ['type'] as const,
      registers,
    }),
    repeated: counter('repeated_events', 'Events delivered again after they were processed.'),
    parked: new Counter({
      name: `${prefix}_parked_events_total`,
      help: 'Events parked in the dead-letter table, by cause.',
      labelNames: ['cause'] as const,
      registers,
    }),
    gaps: counter('sequence_gaps', 'Events parked because an earlier event of the same order is missing.'),
    reordered: counter('reordered_events', 'Events that arrived after a later event of the same order.'),
    transactionRetries: counter(
      'transaction_retries',
      'Transactions repeated after a deadlock or a lock wait timeout.',
    ),
    batchMessages: new Histogram({
      name: `${prefix}_batch_messages`,
      help: 'Messages per batch.',
      buckets: BATCH_MESSAGES,
      registers,
    }),
    batchSeconds: new Histogram({
      name: `${prefix}_batch_seconds`,
      help: 'Seconds from receiving a batch to committing its transaction.',
      buckets: BATCH_SECONDS,
      registers,
    }),
  };
}

export type ConsumerMetrics = ReturnType<typeof createConsumerMetrics>;
