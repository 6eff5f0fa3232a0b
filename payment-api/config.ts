import { z } from 'zod';
import { ADMIN_KEY_CHARACTERS_MIN } from '#kit/admin';
import { clientShape, ConfigError, list, port, positiveInt, readConfig } from '#kit/config';
import { kafkaShape, type KafkaSettings } from '#kit/kafka.config';
import { databaseUrl } from '#prisma/config';
import type { Admission } from './payment/admission';
import { askingMaxMs } from './payment/asking.rules';

const DEFAULT_ADMIN_KEY = 'dev-admin-key';
const DEFAULT_SECRET_KEY = 'test_sk_simulator';
/** Toss processes one cancel of a payment a second (FORBIDDEN_CONSECUTIVE_REQUEST); clocks and networks jitter. */
export const CANCEL_SPACING_MS = 1_100;
const TOSS_HOST = /(^|\.)tosspayments\.com$/;

/** Whoever asks the PSP: the server and the worker, with the same lease. */
const pspShape = {
  NODE_ENV: z.string().default('development'),
  PSP_BASE_URL: z.url({ protocol: /^https?$/ }).optional(),
  PSP_SIMULATOR_PORT: port(8090),
  PSP_TIMEOUT_MS: positiveInt(10_000),
  PSP_PAUSE_MS: positiveInt(500),
  CLAIM_LEASE_MS: positiveInt(180_000),
  TOSS_SECRET_KEY: z.string().default(DEFAULT_SECRET_KEY),
} as const;
const pspConfig = z.object(pspShape);

const shape = z.object({
  ...pspShape,
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  BIND_HOST: z.string().default('127.0.0.1'),
  PAYMENT_API_PORT: port(8080),
  PAYMENT_DATABASE_CONNECTIONS: positiveInt(10),
  CHECKOUT_WAITING_MAX: positiveInt(64),
  CONFIRM_WAITING_MAX: positiveInt(128),
  ADMIN_API_KEYS: list(DEFAULT_ADMIN_KEY),
  PSP_WINDOW_URL: z.url({ protocol: /^https?$/ }).optional(),
  TOSS_CLIENT_KEY: z.string().optional(),
  WALLET_PORT: port(8081),
  WALLET_PAGE_URL: z.url({ protocol: /^https?$/ }).optional(),
  PSP_BREAKER_OPEN_MS: positiveInt(10_000),
  ...clientShape,
});

export interface PspConfig {
  baseUrl: string;
  secretKey: string;
  timeoutMs: number;
  /** First pause between two calls for one payment. */
  pauseMs: number;
}

/** How the pages open the payment window: Toss's SDK, or the simulator's page. */
export type PaymentWindow = { kind: 'toss'; clientKey: string } | { kind: 'simulator'; url: string };

export interface ServerConfig {
  logLevel: string;
  host: string;
  port: number;
  databaseUrl: string;
  databaseConnections: number;
  admission: Admission;
  adminKeys: string[];
  psp: PspConfig;
  claimLeaseMs: number;
  /** How long the PSP is left alone after it was taken for down. */
  pspBreakerOpenMs: number;
  /** Per client address and route; 0 is no limit. */
  rateLimitPerMinute: number;
  /** Addresses or networks whose X-Forwarded-For is believed. */
  trustedProxies: string[];
  paymentWindow: PaymentWindow;
  /** The wallet service's page, as an administrator's browser reaches it; only ever a link. */
  walletPageUrl: string;
}

type Raw = z.output<typeof shape>;

function paymentWindowOf(config: Raw, pspBaseUrl: string): PaymentWindow {
  const isToss = TOSS_HOST.test(new URL(pspBaseUrl).hostname);
  if (!isToss) return { kind: 'simulator', url: config.PSP_WINDOW_URL ?? `${pspBaseUrl}/window` };
  if (config.TOSS_CLIENT_KEY === undefined)
    throw new ConfigError('TOSS_CLIENT_KEY is needed with Toss as the PSP');
  return { kind: 'toss', clientKey: config.TOSS_CLIENT_KEY };
}

function pspProblems(config: z.output<typeof pspConfig>): string[] {
  return [
    ...((config.PSP_BASE_URL ?? '').startsWith('https:')
      ? []
      : ['PSP_BASE_URL is not an https address: only the simulator has none']),
    ...(config.TOSS_SECRET_KEY === DEFAULT_SECRET_KEY ? ['TOSS_SECRET_KEY is the default'] : []),
  ];
}

function refuseInProduction(config: { NODE_ENV: string }, problems: string[]): void {
  if (config.NODE_ENV === 'production' && problems.length > 0)
    throw new ConfigError(`not for production: ${problems.join('; ')}`);
}

/** @throws ConfigError when recovery could cut into a process that still asks the PSP */
function pspOf(config: z.output<typeof pspConfig>): { psp: PspConfig; claimLeaseMs: number } {
  const leaseMinimumMs = askingMaxMs(config.PSP_TIMEOUT_MS);
  if (config.CLAIM_LEASE_MS <= leaseMinimumMs) {
    throw new ConfigError(`CLAIM_LEASE_MS must exceed ${leaseMinimumMs}: asking the PSP may take that long`);
  }
  const baseUrl = config.PSP_BASE_URL ?? `http://127.0.0.1:${config.PSP_SIMULATOR_PORT}`;
  return {
    psp: {
      baseUrl: baseUrl.replace(/\/$/, ''),
      secretKey: config.TOSS_SECRET_KEY,
      timeoutMs: config.PSP_TIMEOUT_MS,
      pauseMs: config.PSP_PAUSE_MS,
    },
    claimLeaseMs: config.CLAIM_LEASE_MS,
  };
}

/** Configuration of the payment API's server. @throws ConfigError naming every bad variable */
export function serverConfig(env: NodeJS.ProcessEnv = process.env): ServerConfig {
  const config = readConfig(shape, env);
  const isDefaultKey = config.ADMIN_API_KEYS.includes(DEFAULT_ADMIN_KEY);
  refuseInProduction(config, [
    ...(isDefaultKey ? ['ADMIN_API_KEYS is the default'] : []),
    ...(config.ADMIN_API_KEYS.some((key) => key.length < ADMIN_KEY_CHARACTERS_MIN)
      ? [`ADMIN_API_KEYS has a key of less than ${ADMIN_KEY_CHARACTERS_MIN} characters`]
      : []),
    ...pspProblems(config),
  ]);
  if (config.ADMIN_API_KEYS.length === 0) throw new ConfigError('ADMIN_API_KEYS is empty');
  const asking = pspOf(config);
  return {
    logLevel: config.LOG_LEVEL,
    host: config.BIND_HOST,
    port: config.PAYMENT_API_PORT,
    databaseUrl: databaseUrl('paymentApi', env),
    databaseConnections: config.PAYMENT_DATABASE_CONNECTIONS,
    admission: {
      checkoutWaitingMax: config.CHECKOUT_WAITING_MAX,
      confirmWaitingMax: config.CONFIRM_WAITING_MAX,
    },
    adminKeys: config.ADMIN_API_KEYS,
    ...asking,
    pspBreakerOpenMs: config.PSP_BREAKER_OPEN_MS,
    rateLimitPerMinute: config.RATE_LIMIT_PER_MINUTE,
    trustedProxies: config.TRUSTED_PROXIES,
    paymentWindow: paymentWindowOf(config, asking.psp.baseUrl),
    walletPageUrl: (config.WALLET_PAGE_URL ?? `http://127.0.0.1:${config.WALLET_PORT}`).replace(/\/$/, ''),
  };
}

const workerShape = z.object({
  ...kafkaShape,
  ...pspShape,
  LOG_LEVEL: shape.shape.LOG_LEVEL,
  BIND_HOST: shape.shape.BIND_HOST,
  WORKER_PORT: port(8082),
  WORKER_DATABASE_CONNECTIONS: positiveInt(8),
  WORKER_BATCH_SIZE_MAX: positiveInt(500),
  RECOVERY_INTERVAL_MS: positiveInt(1_000),
  RECOVERY_BATCH_SIZE_MAX: positiveInt(100),
  RECOVERY_CONCURRENCY: positiveInt(4),
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
  psp: PspConfig;
  claimLeaseMs: number;
  recovery: { intervalMs: number; batchSizeMax: number; concurrency: number };
  registry: { url: string; username: string | undefined; password: string | undefined };
}

/** Configuration of the payment API's worker. @throws ConfigError naming every bad variable */
export function workerConfig(env: NodeJS.ProcessEnv = process.env): WorkerConfig {
  const config = readConfig(workerShape, env);
  refuseInProduction(config, pspProblems(config));
  return {
    logLevel: config.LOG_LEVEL,
    host: config.BIND_HOST,
    port: config.WORKER_PORT,
    databaseUrl: databaseUrl('paymentApi', env),
    databaseConnections: config.WORKER_DATABASE_CONNECTIONS,
    batchSizeMax: config.WORKER_BATCH_SIZE_MAX,
    sessionTimeoutMs: config.KAFKA_SESSION_TIMEOUT_MS,
    kafka: config,
    ...pspOf(config),
    recovery: {
      intervalMs: config.RECOVERY_INTERVAL_MS,
      batchSizeMax: config.RECOVERY_BATCH_SIZE_MAX,
      concurrency: config.RECOVERY_CONCURRENCY,
    },
    registry: {
      url: config.SCHEMA_REGISTRY_URL ?? `http://127.0.0.1:${config.REGISTRY_PORT}/apis/ccompat/v7`,
      username: config.SCHEMA_REGISTRY_USERNAME,
      password: config.SCHEMA_REGISTRY_PASSWORD,
    },
  };
}

const reconcileShape = z.object({
  ...pspShape,
  // Its progress and result are what is read; the log of each call would drown them.
  LOG_LEVEL: shape.shape.LOG_LEVEL.removeDefault().default('warn'),
  RECONCILE_GRACE_S: z.coerce.number().int().nonnegative().default(900),
});

export interface ReconcileConfig {
  logLevel: string;
  /** Of the user that reads everything and writes no payment. */
  booksUrl: string;
  /** Of the payment API's user, for repairs; empty without them. */
  databaseUrl: string;
  psp: PspConfig;
  claimLeaseMs: number;
  /** What is younger may still be on its way. */
  graceS: number;
}

/**
 * Configuration of the reconciliation.
 *
 * @param repair with repairs the payment API's database URL is needed too
 * @throws ConfigError naming every bad variable
 */
export function reconcileConfig(repair: boolean, env: NodeJS.ProcessEnv = process.env): ReconcileConfig {
  const config = readConfig(reconcileShape, env);
  refuseInProduction(config, pspProblems(config));
  return {
    logLevel: config.LOG_LEVEL,
    booksUrl: databaseUrl('ops', env),
    databaseUrl: repair ? databaseUrl('paymentApi', env) : '',
    ...pspOf(config),
    graceS: config.RECONCILE_GRACE_S,
  };
}
