import { z } from 'zod';
import { list, port, positiveInt, readConfig } from '#kit/config';

/** Accepts every `test_sk_…` key: good enough to develop against, refused in production. */
export const DEFAULT_SECRET_KEY = 'test_sk_simulator';

const schema = z
  .object({
    PSP_SIMULATOR_PORT: port(8090),
    BIND_HOST: z.string().default('127.0.0.1'),
    PSP_SIMULATOR_DIR: z.string().default('.stack/data/psp-simulator'),
    PSP_SIMULATOR_SESSION_MS: positiveInt(600_000),
    TOSS_SECRET_KEY: z.string().default(DEFAULT_SECRET_KEY),
    ALLOWED_ORIGINS: list('').refine(
      (origins) => origins.every(isOrigin),
      'must be a list of origins, http(s)://host',
    ),
    WEBHOOK_URL: z.url({ protocol: /^https?$/ }).optional(),
    LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
    NODE_ENV: z.string().default('development'),
  })
  .refine((env) => env.NODE_ENV !== 'production' || env.TOSS_SECRET_KEY !== DEFAULT_SECRET_KEY, {
    path: ['TOSS_SECRET_KEY'],
    message: 'must be set in production',
  });

function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text;
}

export interface SimulatorConfig {
  port: number;
  host: string;
  dir: string;
  sessionMs: number;
  secretKey: string;
  allowedOrigins: string[];
  webhookUrl: string | undefined;
  logLevel: string;
}

/** @throws ConfigError naming every bad variable. */
export function readSimulatorConfig(env: NodeJS.ProcessEnv = process.env): SimulatorConfig {
  const values = readConfig(schema, env);
  return {
    port: values.PSP_SIMULATOR_PORT,
    host: values.BIND_HOST,
    dir: values.PSP_SIMULATOR_DIR,
    sessionMs: values.PSP_SIMULATOR_SESSION_MS,
    secretKey: values.TOSS_SECRET_KEY,
    allowedOrigins: values.ALLOWED_ORIGINS,
    webhookUrl: values.WEBHOOK_URL,
    logLevel: values.LOG_LEVEL,
  };
}
