import { z } from 'zod';
import { ConfigError, list, port, positiveInt, readConfig } from '#kit/config';
import { kafkaShape, type KafkaSettings } from '#kit/kafka.config';
import { databaseUrl } from '#prisma/config';
import { askingMaxMs } from './confirm-payment/confirm-payment.rules';

const DEFAULT_ADMIN_KEY = 'dev-admin-key';
const DEFAULT_SECRET_KEY = 'test_sk_simulator';
const TOSS_HOST = /(^|\.)tosspayments\.com$/;

const shape = z.object({
  NODE_ENV: z.string().default('development'),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  BIND_HOST: z.string().default('127.0.0.1'),
  PAYMENT_API_PORT: port(8080),
  PAYMENT_DATABASE_CONNECTIONS: positiveInt(10),
  ADMIN_API_KEYS: list(DEFAULT_ADMIN_KEY),
  PSP_BASE_URL: z.url({ protocol: /^https?$/ }).optional(),
  PSP_SIMULATOR_PORT: port(8090),
  PSP_WINDOW_URL: z.url({ protocol: /^https?$/ }).optional(),
  PSP_TIMEOUT_MS: positiveInt(10_000),
  PSP_PAUSE_MS: positiveInt(500),
  CLAIM_LEASE_MS: positiveInt(180_000),
  TOSS_SECRET_KEY: z.string().default(DEFAULT_SECRET_KEY),
  TOSS_CLIENT_KEY: z.string().optional(),
});

/** How the pages open the payment window: Toss's SDK, or the simulator's page. */
export type PaymentWindow = { kind: 'toss'; clientKey: string } | { kind: 'simulator'; url: string };

export interface ServerConfig {
  logLevel: string;
  host: string;
  port: number;
  databaseUrl: string;
  databaseConnections: number;
  adminKeys: string[];
  psp: { baseUrl: string; secretKey: string; timeoutMs: number; pauseMs: number };
  claimLeaseMs: number;
  paymentWindow: PaymentWindow;
}

type Raw = z.output<typeof shape>;

function paymentWindowOf(config: Raw, pspBaseUrl: string): PaymentWindow {
  const isToss = TOSS_HOST.test(new URL(pspBaseUrl).hostname);
  if (!isToss) return { kind: 'simulator', url: config.PSP_WINDOW_URL ?? `${pspBaseUrl}/window` };
  if (config.TOSS_CLIENT_KEY === undefined)
    throw new ConfigError('TOSS_CLIENT_KEY is needed with Toss as the PSP');
  return { kind: 'toss', clientKey: config.TOSS_CLIENT_KEY };
}

function refuseDefaultsInProduction(config: Raw): void {
  if (config.NODE_ENV !== 'production') return;
  const problems: string[] = [];
  if (config.ADMIN_API_KEYS.includes(DEFAULT_ADMIN_KEY)) problems.push('ADMIN_API_KEYS is the default');
  if (!(config.PSP_BASE_URL ?? '').startsWith('https:')) {
    problems.push('PSP_BASE_URL is not an https address: only the simulator has none');
  }
  if (config.TOSS_SECRET_KEY === DEFAULT_SECRET_KEY) problems.push('TOSS_SECRET_KEY is the default');
  if (problems.length > 0) throw new ConfigError(`not for production: ${problems.join('; ')}`);
}

/** Configuration of the payment API's server. @throws ConfigError naming every bad variable */
export function serverConfig(env: NodeJS.ProcessEnv = process.env): ServerConfig {
  const config = readConfig(shape, env);
  refuseDefaultsInProduction(config);
  if (config.ADMIN_API_KEYS.length === 0) throw new ConfigError('ADMIN_API_KEYS is empty');
  const leaseMinimumMs = askingMaxMs(config.PSP_TIMEOUT_MS);
  if (config.CLAIM_LEASE_MS <= leaseMinimumMs) {
    throw new ConfigError(`CLAIM_LEASE_MS must exceed ${leaseMinimumMs}: asking the PSP may take that long`);
  }
  const pspBaseUrl = (config.PSP_BASE_URL ?? `http://127.0.0.1:${config.PSP_SIMULATOR_PORT}`).replace(
    /\/$/,
    '',
  );
  return {
    logLevel: config.LOG_LEVEL,
    host: config.BIND_HOST,
    port: config.PAYMENT_API_PORT,
    databaseUrl: databaseUrl('paymentApi', env),
    databaseConnections: config.PAYMENT_DATABASE_CONNECTIONS,
    adminKeys: config.ADMIN_API_KEYS,
    psp: {
      baseUrl: pspBaseUrl,
      secretKey: config.TOSS_SECRET_KEY,
      timeoutMs: config.PSP_TIMEOUT_MS,
      pauseMs: config.PSP_PAUSE_MS,
    },
    claimLeaseMs: config.CLAIM_LEASE_MS,
    paymentWindow: paymentWindowOf(config, pspBaseUrl),
  };
}

const workerShape = z.object({
  ...kafkaShape,
  LOG_LEVEL: shape.shape.LOG_LEVEL,
  BIND_HOST: shape.shape.BIND_HOST,
  WORKER_PORT: port(8082),
  WORKER_DATABASE_CONNECTIONS: positiveInt(5),
  WORKER_BATCH_SIZE_MAX: positiveInt(500),
  KAFKA_SESSION_TIMEOUT_MS: positiveInt(10_000),
  REGISTRY_PORT: port(8085),
  SCHEMA_REGISTRY_URL: z.url({ protocol: /^https?$/ }).optional(),
  SCHEMA_REGISTRY_USERNAME: z.string().optional(),
  SCHEMA_REGISTRY_PASSWORD: z.string().optional(),
});

export interface WorkerConfig {
  logLevel: string;
  host: string;
  port: number;
  databaseUrl: string;
  databaseConnections: number;
  batchSizeMax: number;
  sessionTimeoutMs: number;
  kafka: KafkaSettings;
  registry: { url: string; username: string | undefined; password: string | undefined };
}

/** Configuration of the payment API's worker. @throws ConfigError naming every bad variable */
export function workerConfig(env: NodeJS.ProcessEnv = process.env): WorkerConfig {
  const config = readConfig(workerShape, env);
  return {
    logLevel: config.LOG_LEVEL,
    host: config.BIND_HOST,
    port: config.WORKER_PORT,
    databaseUrl: databaseUrl('paymentApi', env),
    databaseConnections: config.WORKER_DATABASE_CONNECTIONS,
    batchSizeMax: config.WORKER_BATCH_SIZE_MAX,
    sessionTimeoutMs: config.KAFKA_SESSION_TIMEOUT_MS,
    kafka: config,
    registry: {
      url: config.SCHEMA_REGISTRY_URL ?? `http://127.0.0.1:${config.REGISTRY_PORT}/apis/ccompat/v7`,
      username: config.SCHEMA_REGISTRY_USERNAME,
      password: config.SCHEMA_REGISTRY_PASSWORD,
    },
  };
}
