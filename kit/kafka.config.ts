import { z } from 'zod';
import { flag, list, port } from './config';

// Apart from the client: a process that only reads its settings must not have a Kafka client within reach.

/** Environment variables of whoever talks to Kafka. `KAFKA_BROKERS` is host:port, comma-separated. */
export const kafkaShape = {
  KAFKA_PORT: port(9092),
  KAFKA_BROKERS: list('').optional(),
  KAFKA_SSL: flag(false),
  KAFKA_SASL_MECHANISM: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']).optional(),
  KAFKA_SASL_USERNAME: z.string().optional(),
  KAFKA_SASL_PASSWORD: z.string().optional(),
} as const;

const kafkaConfig = z.object(kafkaShape);
export type KafkaSettings = z.output<typeof kafkaConfig>;

/** Brokers to begin with: the named ones, or the development broker. */
export function brokersOf(settings: KafkaSettings): string[] {
  const named = settings.KAFKA_BROKERS ?? [];
  return named.length > 0 ? named : [`127.0.0.1:${settings.KAFKA_PORT}`];
}
