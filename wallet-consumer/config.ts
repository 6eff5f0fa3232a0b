import { z } from 'zod';
import { ADMIN_KEY_CHARACTERS_MIN } from '#kit/admin';
import { clientShape, list, port, positiveInt, readConfig } from '#kit/config';
import { kafkaShape, type KafkaSettings } from '#kit/kafka.config';
import type { RegistryAccess } from '#contracts/registry';
import { databaseUrl } from '#prisma/config';

const DEFAULT_ADMIN_API_KEY = 'dev-admin-key';

const schema = z
  .object({
    ...kafkaShape,
    ...clientShape,
    REGISTRY_PORT: port(8085),
    SCHEMA_REGISTRY_URL: z.url({ protocol: /^https?$/ }).optional(),
    SCHEMA_REGISTRY_USERNAME: z.string().optional(),
    SCHEMA_REGISTRY_PASSWORD: z.string().optional(),
    WALLET_PORT: port(8081),
    BIND_HOST: z.string().default('127.0.0.1'),
    ADMIN_API_KEYS: list(DEFAULT_ADMIN_API_KEY).refine((keys) => keys.length > 0, 'must name a key'),
    LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
    WALLET_BATCH_SIZE_MAX: positiveInt(500).pipe(z.number().max(2_000)),
    WALLET_DB_CONNECTIONS: positiveInt(5),
    // The broker's own bounds of a session are 6 s and 30 min.
    KAFKA_SESSION_TIMEOUT_MS: z.coerce.number().int().min(6_000).max(300_000).default(10_000),
    WALLET_DATABASE_URL: z.string().optional(),
    NODE_ENV: z.string().default('development'),
  })
  .refine((env) => env.NODE_ENV !== 'production' || !env.ADMIN_API_KEYS.includes(DEFAULT_ADMIN_API_KEY), {
    path: ['ADMIN_API_KEYS'],
    message: 'must not hold the default key in production',
  })
  .refine(
    (env) =>
      env.NODE_ENV !== 'production' ||
      env.ADMIN_API_KEYS.every((key) => key.length >= ADMIN_KEY_CHARACTERS_MIN),
    {
      path: ['ADMIN_API_KEYS'],
      message: `must hold keys of at least ${ADMIN_KEY_CHARACTERS_MIN} characters in production`,
    },
  )
  .refine((env) => env.NODE_ENV !== 'production' || env.WALLET_DATABASE_URL !== undefined, {
    path: ['WALLET_DATABASE_URL'],
    message: 'must be set in production',
  });

export interface WalletConfig {
  port: number;
  host: string;
  databaseUrl: string;
  databaseConnectionsMax: number;
  kafka: KafkaSettings;
  registry: RegistryAccess;
  adminApiKeys: string[];
  /** Wrong keys from one client address; 0 is no limit. */
  rateLimitPerMinute: number;
  trustedProxies: string[];
  logLevel: string;
  batchSizeMax: number;
  sessionTimeoutMs: number;
}

/** @throws ConfigError naming every bad variable. */
export function readWalletConfig(env: NodeJS.ProcessEnv = process.env): WalletConfig {
  const values = readConfig(schema, env);
  return {
    port: values.WALLET_PORT,
    host: values.BIND_HOST,
    databaseUrl: databaseUrl('wallet', env),
    databaseConnectionsMax: values.WALLET_DB_CONNECTIONS,
    kafka: values,
    registry: {
      url: values.SCHEMA_REGISTRY_URL ?? `http://127.0.0.1:${values.REGISTRY_PORT}/apis/ccompat/v7`,
      username: values.SCHEMA_REGISTRY_USERNAME,
      password: values.SCHEMA_REGISTRY_PASSWORD,
    },
    adminApiKeys: values.ADMIN_API_KEYS,
    rateLimitPerMinute: values.RATE_LIMIT_PER_MINUTE,
    trustedProxies: values.TRUSTED_PROXIES,
    logLevel: values.LOG_LEVEL,
    batchSizeMax: values.WALLET_BATCH_SIZE_MAX,
    sessionTimeoutMs: values.KAFKA_SESSION_TIMEOUT_MS,
  };
}
