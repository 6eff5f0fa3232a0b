import type { Kafka } from 'kafkajs';
import { PAYMENT_SERVICE } from '#contracts/topics';
import { startConsumerLoop, type ConsumerLoop } from '#kit/kafka-consumer';
import { acknowledgeSettlement, type AcknowledgeWorld } from './acknowledge-settlement';

/** Consumes the topic `wallet`. */
export function consumeSettlements(
  world: AcknowledgeWorld,
  options: {
    kafka: Kafka;
    batchSizeMax: number;
    sessionTimeoutMs: number;
    onDeath: (error: unknown) => void;
  },
): Promise<ConsumerLoop> {
  return startConsumerLoop({
    ...options,
    groupId: PAYMENT_SERVICE,
    topic: 'wallet',
    log: world.log,
    async handle(messages) {
      for (const message of messages) await acknowledgeSettlement(world, message);
    },
  });
}
