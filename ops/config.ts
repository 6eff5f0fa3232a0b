import { userInfo } from 'node:os';
import { z } from 'zod';
import { port, readConfig } from '#kit/config';
import { kafkaShape, type KafkaSettings } from '#kit/kafka.config';
import type { RegistryAccess } from '#contracts/registry';

const shape = z.object({
  ...kafkaShape,
  REGISTRY_PORT: port(8085),
  SCHEMA_REGISTRY_URL: z.url({ protocol: /^https?$/ }).optional(),
  SCHEMA_REGISTRY_USERNAME: z.string().optional(),
  SCHEMA_REGISTRY_PASSWORD: z.string().optional(),
});

export interface OpsConfig {
  registry: RegistryAccess;
  kafka: KafkaSettings;
}

/** Where an operator's commands find the registry and Kafka. @throws ConfigError */
export function opsConfig(env: NodeJS.ProcessEnv = process.env): OpsConfig {
  const config = readConfig(shape, env);
  return {
    kafka: config,
    registry: {
      url: config.SCHEMA_REGISTRY_URL ?? `http://127.0.0.1:${config.REGISTRY_PORT}/apis/ccompat/v7`,
      username: config.SCHEMA_REGISTRY_USERNAME,
      password: config.SCHEMA_REGISTRY_PASSWORD,
    },
  };
}

/** Who acts, for the record: `OPERATOR`, or the system's user; `undefined` where that has no name. */
export function operatorName(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const given = env['OPERATOR']?.trim() ?? '';
  if (given !== '') return given;
  try {
    return userInfo().username;
  } catch (error) {
    // A container may run under a number that no user has.
    if ((error as NodeJS.ErrnoException).code === 'ERR_SYSTEM_ERROR') return undefined;
    throw error;
  }
}
