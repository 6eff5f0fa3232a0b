import { Counter, type Registry } from 'prom-client';
import type { ConsumedMessage } from '#kit/kafka-consumer';
import { createConsumerMetrics } from '#messaging/consumer.metrics';
import { createBatchProcessor, type BatchDependencies } from '#messaging/process-batch';
import { settlementService } from './settle-payments';

/** The entry point of topic `payment`: the consumer engine with the settlement service. */
export function createSettlementConsumer(
  deps: Omit<BatchDependencies, 'metrics'>,
  registry: Registry,
): (messages: readonly ConsumedMessage[]) => Promise<void> {
  const ledgerLines = new Counter({
    name: 'wallet_ledger_lines_total',
    help: 'Ledger lines written.',
    labelNames: ['type'] as const,
    registers: [registry],
  });
  const service = settlementService({
    ...deps,
    countLines: (type, lines) => ledgerLines.inc({ type }, lines),
  });
  const metrics = createConsumerMetrics(registry, { prefix: 'wallet', applied: 'settled' });
  return createBatchProcessor(service, { ...deps, metrics });
}
