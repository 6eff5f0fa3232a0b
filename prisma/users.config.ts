import type { ConnectionConfig } from 'mariadb';
import { z } from 'zod';
import { ConfigError, port, readConfig } from '#kit/config';
import { databaseUrl } from './config';
import { connectionOptions } from './connection';
import { DEVELOPMENT_PASSWORDS, USERS, type Passwords, type UserRole } from './users';

/** The administrator of an embedded or development server. */
export const DEVELOPMENT_ADMINISTRATOR = { user: 'root', password: '1234' } as const;

const shape = z.object({
  NODE_ENV: z.string().default('development'),
  MYSQL_PORT: port(3306),
  MYSQL_ROOT_URL: z.string().optional(),
  CDC_DATABASE_PASSWORD: z.string().default(DEVELOPMENT_PASSWORDS.cdc),
});

const URL_ROLES = ['paymentApi', 'wallet', 'ops', 'migrator'] as const;

export interface UsersConfig {
  administrator: Required<Pick<ConnectionConfig, 'host' | 'port' | 'user' | 'password'>>;
  /** As the processes will use them: those of their own database URLs. */
  passwords: Passwords;
}

/**
 * Whom to create as whom. The passwords are taken from the very URLs that the processes connect with, so
 * that both cannot differ.
 *
 * @throws ConfigError for a URL that names another user, and for a default password in production
 * @throws DatabaseUrlError
 */
export function usersConfig(env: NodeJS.ProcessEnv = process.env): UsersConfig {
  const config = readConfig(shape, env);
  const { user, password } = DEVELOPMENT_ADMINISTRATOR;
  const root = connectionOptions(
    config.MYSQL_ROOT_URL ?? `mysql://${user}:${password}@127.0.0.1:${config.MYSQL_PORT}/mysql`,
  );
  const passwords: Passwords = { ...DEVELOPMENT_PASSWORDS, cdc: config.CDC_DATABASE_PASSWORD };
  const problems: string[] = [];
  for (const role of URL_ROLES) {
    const options = connectionOptions(databaseUrl(role, env));
    if (options.user !== USERS[role]) problems.push(`the URL of ${role} must name the user ${USERS[role]}`);
    passwords[role] = options.password ?? '';
  }
  for (const role of Object.keys(USERS) as UserRole[]) {
    if (passwords[role] === '') problems.push(`${USERS[role]} has no password`);
    if (config.NODE_ENV === 'production' && passwords[role] === DEVELOPMENT_PASSWORDS[role]) {
      problems.push(`${USERS[role]} has its default password`);
    }
  }
  if (config.NODE_ENV === 'production' && ['', password].includes(root.password ?? '')) {
    problems.push('the administrator of MYSQL_ROOT_URL has the default password or none');
  }
  if (problems.length > 0) throw new ConfigError(`configuration is not valid:\n  ${problems.join('\n  ')}`);
  return {
    administrator: {
      host: root.host ?? '127.0.0.1',
      port: root.port ?? 3306,
      user: root.user ?? user,
      password: root.password ?? '',
    },
    passwords,
  };
}
