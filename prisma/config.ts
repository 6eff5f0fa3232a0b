import { z } from 'zod';
import { port, readConfig } from '#kit/config';
import { developmentUrl, type UserRole } from './users';

const VARIABLE = {
  paymentApi: 'PAYMENT_DATABASE_URL',
  wallet: 'WALLET_DATABASE_URL',
  ops: 'OPS_DATABASE_URL',
  migrator: 'MIGRATOR_DATABASE_URL',
} as const;

/**
 * Database URL of a role: its variable, or the development server's on `MYSQL_PORT`.
 *
 * @throws ConfigError in production without the variable: there are no default passwords there.
 */
export function databaseUrl(role: Exclude<UserRole, 'cdc'>, env: NodeJS.ProcessEnv = process.env): string {
  const variable = VARIABLE[role];
  const shape = z.object({
    MYSQL_PORT: port(3306),
    [variable]: env['NODE_ENV'] === 'production' ? z.string() : z.string().optional(),
  });
  const config = readConfig(shape, env) as { MYSQL_PORT: number } & Record<string, string | undefined>;
  return config[variable] ?? developmentUrl(role, config.MYSQL_PORT);
}
