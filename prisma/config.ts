import { z } from 'zod';
import { ConfigError, port, readConfig } from '#kit/config';
import { DEVELOPMENT_PASSWORDS, developmentUrl, type UserRole } from './users';

const VARIABLE = {
  paymentApi: 'PAYMENT_DATABASE_URL',
  wallet: 'WALLET_DATABASE_URL',
  ops: 'OPS_DATABASE_URL',
  migrator: 'MIGRATOR_DATABASE_URL',
} as const;

/**
 * Database URL of a role: its variable, or the development server's on `MYSQL_PORT`.
 *
 * @throws ConfigError in production without the variable, or with a default password
 */
export function databaseUrl(role: Exclude<UserRole, 'cdc'>, env: NodeJS.ProcessEnv = process.env): string {
  const variable = VARIABLE[role];
  const shape = z.object({
    MYSQL_PORT: port(3306),
    [variable]: env['NODE_ENV'] === 'production' ? z.string() : z.string().optional(),
  });
  const config = readConfig(shape, env) as { MYSQL_PORT: number } & Record<string, string | undefined>;
  const url = config[variable] ?? developmentUrl(role, config.MYSQL_PORT);
  if (env['NODE_ENV'] === 'production' && hasDefaultPassword(url)) {
    throw new ConfigError(`not for production: ${variable} has a default password`);
  }
  return url;
}

function hasDefaultPassword(url: string): boolean {
  try {
    const password = decodeURIComponent(new URL(url).password);
    return ['', '1234', ...Object.values(DEVELOPMENT_PASSWORDS)].includes(password);
  } catch (error) {
    // No URL, or a stray `%`: `connectionOptions` says so.
    if (error instanceof TypeError || error instanceof URIError) return false;
    throw error;
  }
}
