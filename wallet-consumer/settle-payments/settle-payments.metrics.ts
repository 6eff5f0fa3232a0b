import { Counter, Histogram, type Registry } from 'prom-client';
import type { ParkCause } from './sequence.rules';

const BATCH_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const BATCH_MESSAGES = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000];

/** What `/metrics` says of the settlement. Everything is counted after the commit. */
export function createSettlementMetrics(registry: Registry) {
  const registers = [registry];
  return {
    settled: new Counter({
      name: 'wallet_settled_events_total',
      help: 'Events whose shares were booked',
      labelNames: ['type'] as const,
      registers,
    }),
    lines: new Counter({
      name: 'wallet_ledger_lines_total',
      help: 'Ledger lines written',
      labelNames: ['type'] as const,
      registers,
    }),
    repeated: new Counter({
      name: 'wallet_repeated_events_total',
      help: 'Events that had been dealt with before',
      registers,
    }),
    parked: new Counter<'cause'>({
      name: 'wallet_parked_events_total',
      help: 'Events that went to the dead letters, by cause',
      labelNames: ['cause'],
      registers,
    }) as Counter & { inc(labels: { cause: ParkCause }): void },
    gaps: new Counter({
      name: 'wallet_sequence_gaps_total',
      help: 'Events held because an earlier one of their order has not arrived: always worth an alarm',
      registers,
    }),
    reordered: new Counter({
      name: 'wallet_reordered_events_total',
      help: 'Events that were settled after a later one of their order had come: the later one is held',
      registers,
    }),
    transactionRetries: new Counter({
      name: 'wallet_transaction_retries_total',
      help: 'Transactions repeated after a deadlock or lock wait',
      registers,
    }),
    batchMessages: new Histogram({
      name: 'wallet_batch_messages',
      help: 'Messages of a settled batch',
      buckets: BATCH_MESSAGES,
      registers,
    }),
    batchSeconds: new Histogram({
      name: 'wallet_batch_seconds',
      help: 'Time from a batch to its commit',
      buckets: BATCH_SECONDS,
      registers,
    }),
  };
}

export type SettlementMetrics = ReturnType<typeof createSettlementMetrics>;
