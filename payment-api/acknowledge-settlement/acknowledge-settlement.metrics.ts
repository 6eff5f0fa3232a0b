import { Counter, type Registry } from 'prom-client';
import type { Outcome } from './acknowledge-settlement.rules';

/**
 * What `/metrics` says of the acknowledgement, under the names that the wallet consumer has for its side. Everything is
 * counted after the commit.
 */
export function createAcknowledgementMetrics(registry: Registry): { count: (outcome: Outcome) => void } {
  const registers = [registry];
  const messages = new Counter({
    name: 'payment_wallet_events_total',
    help: 'Messages of the topic wallet, by how they ended',
    labelNames: ['outcome'] as const,
    registers,
  });
  const acknowledged = new Counter({
    name: 'payment_acknowledged_events_total',
    help: 'Settlements that were acknowledged on their payment',
    labelNames: ['type'] as const,
    registers,
  });
  const repeated = new Counter({
    name: 'payment_repeated_events_total',
    help: 'Events that had been dealt with before',
    registers,
  });
  const parked = new Counter({
    name: 'payment_parked_events_total',
    help: 'Events that went to the dead letters, by cause',
    labelNames: ['cause'] as const,
    registers,
  });
  const gaps = new Counter({
    name: 'payment_sequence_gaps_total',
    help: 'Events held because an earlier one of their order has not arrived: always worth an alarm',
    registers,
  });
  const reordered = new Counter({
    name: 'payment_reordered_events_total',
    help: 'Events that were acknowledged after a later one of their order had come: the later one is held',
    registers,
  });
  return {
    count(outcome) {
      messages.inc({ outcome: outcome.kind });
      switch (outcome.kind) {
        case 'acknowledged':
          acknowledged.inc({ type: outcome.type });
          if (outcome.isLate) reordered.inc();
          break;
        case 'duplicate':
          repeated.inc();
          break;
        case 'parked':
          parked.inc({ cause: outcome.cause });
          if (outcome.cause === 'gap') gaps.inc();
      }
    },
  };
}
