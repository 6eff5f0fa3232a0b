import { z } from 'zod';
import { readConfig } from './config';
import { kafkaShape, type KafkaSettings } from './kafka.config';

const shape = z.object({
  ...kafkaShape,
  KAFKA_PORT: z.coerce.number('is set by `npm test`, which brings a broker up').int(),
});

/** The Kafka broker that `npm test` has brought up. @throws ConfigError outside of it */
export function brokerOfTheRun(env: NodeJS.ProcessEnv = process.env): KafkaSettings {
  return readConfig(shape, env);
}

/** REQUIRE_TOOLS=1: a test whose program is absent fails instead of being skipped. */
export const requiresTools = (env: NodeJS.ProcessEnv = process.env): boolean => env['REQUIRE_TOOLS'] === '1';

/** Folders that programs are looked for in. */
export const searchPath = (env: NodeJS.ProcessEnv = process.env): string => env['PATH'] ?? '';
