import { join } from 'node:path';
import { z } from 'zod';
import { ConfigError, port, readConfig } from '#kit/config';
import { SERVER_NAMES, readStackSettings, type ServerName, type StackSettings } from '#stack/config';

const shape = z.object({
  PAYMENT_API_PORT: port(8080),
  WALLET_PORT: port(8081),
  WORKER_PORT: port(8082),
  PSP_SIMULATOR_PORT: port(8090),
  ADMIN_API_KEYS: z.string().default('dev-admin-key'),
  LOG_LEVEL: z.string().default('info'),
  PAYMENT_DATABASE_URL: z.string().optional(),
  WALLET_DATABASE_URL: z.string().optional(),
  OPS_DATABASE_URL: z.string().optional(),
  MIGRATOR_DATABASE_URL: z.string().optional(),
  KAFKA_BROKERS: z.string().optional(),
  SCHEMA_REGISTRY_URL: z.string().optional(),
  CONNECT_URL: z.string().optional(),
  PSP_BASE_URL: z.string().optional(),
});

export interface LaunchConfig {
  stack: StackSettings;
  /** The servers that are ours to start: those that the environment does not name. */
  embedded: ServerName[];
  /** False when the environment names the PSP. */
  withSimulator: boolean;
  ports: { api: number; wallet: number; worker: number; simulator: number };
  adminKey: string;
  /** Handed to every process of ours. */
  env: NodeJS.ProcessEnv;
}

/** Which variable names an outside server, in place of the embedded one. */
const OUTSIDE: Record<
  ServerName,
  'PAYMENT_DATABASE_URL' | 'KAFKA_BROKERS' | 'SCHEMA_REGISTRY_URL' | 'CONNECT_URL'
> = {
  mysql: 'PAYMENT_DATABASE_URL',
  kafka: 'KAFKA_BROKERS',
  registry: 'SCHEMA_REGISTRY_URL',
  connect: 'CONNECT_URL',
};

/** @throws ConfigError naming every bad variable */
export function readLaunchConfig(env: NodeJS.ProcessEnv = process.env): LaunchConfig {
  const config = readConfig(shape, env);
  const urls = [
    config.PAYMENT_DATABASE_URL,
    config.WALLET_DATABASE_URL,
    config.OPS_DATABASE_URL,
    config.MIGRATOR_DATABASE_URL,
  ];
  const named = urls.filter((url) => url !== undefined).length;
  if (named > 0 && named < urls.length) {
    throw new ConfigError(
      'name all of PAYMENT_DATABASE_URL, WALLET_DATABASE_URL, OPS_DATABASE_URL, MIGRATOR_DATABASE_URL, or none',
    );
  }
  const stack = readStackSettings(env);
  const embedded = SERVER_NAMES.filter((name) => config[OUTSIDE[name]] === undefined);
  return {
    stack: {
      ...stack,
      ...(config.KAFKA_BROKERS === undefined ? {} : { connectBootstrapServers: config.KAFKA_BROKERS }),
    },
    embedded,
    withSimulator: config.PSP_BASE_URL === undefined,
    ports: {
      api: config.PAYMENT_API_PORT,
      wallet: config.WALLET_PORT,
      worker: config.WORKER_PORT,
      simulator: config.PSP_SIMULATOR_PORT,
    },
    adminKey: config.ADMIN_API_KEYS.split(',')[0]?.trim() ?? '',
    env: {
      ...env,
      PSP_SIMULATOR_DIR: env['PSP_SIMULATOR_DIR'] ?? join(stack.stackDir, 'data', 'psp-simulator'),
      // Whom the simulator tells that a payment has changed.
      WEBHOOK_URL: env['WEBHOOK_URL'] ?? `http://127.0.0.1:${config.PAYMENT_API_PORT}/api/webhooks/toss`,
    },
  };
}
