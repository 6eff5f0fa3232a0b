import { readFileSync } from 'node:fs';
import type { ConnectionConfig, PoolConfig } from 'mariadb';

/** A connection attempt that takes longer has failed. */
const CONNECT_TIMEOUT_MS = 5_000;
/** A statement that waits longer for a row gives its connection back; `inTransaction` repeats the transaction. */
const LOCK_WAIT_TIMEOUT_S = 5;

/** A database URL is not usable; the message never repeats its password. */
export class DatabaseUrlError extends Error {
  override readonly name = 'DatabaseUrlError';
}

/**
 * Connection options of a URL such as `mysql://user:password@host:3306/payment_eda?tls=verify&tlsCa=/path/ca.pem`.
 *
 * `tls`: `off` (default), `on` (encrypted, certificate not verified), `verify` (encrypted and verified).
 *
 * @throws DatabaseUrlError
 */
export function connectionOptions(databaseUrl: string): ConnectionConfig & { database: string } {
  let url: URL;
  let user: string;
  let password: string;
  try {
    url = new URL(databaseUrl);
    user = decodeURIComponent(url.username);
    password = decodeURIComponent(url.password);
  } catch {
    throw new DatabaseUrlError('a database URL looks like mysql://user:password@host:3306/database');
  }
  const database = url.pathname.slice(1);
  if (url.protocol !== 'mysql:' || url.hostname === '' || !/^\w+$/.test(database)) {
    throw new DatabaseUrlError('a database URL looks like mysql://user:password@host:3306/database');
  }
  const tls = url.searchParams.get('tls') ?? 'off';
  if (!['off', 'on', 'verify'].includes(tls))
    throw new DatabaseUrlError(`tls=${tls} is not one of off, on, verify`);
  const ca = url.searchParams.get('tlsCa');
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? 3306 : Number(url.port),
    user,
    password,
    database,
    connectTimeout: CONNECT_TIMEOUT_MS,
    // Times are stored in UTC (DATETIME(3)), whatever the server's zone is.
    timezone: 'Z',
    charset: 'utf8mb4',
    sessionVariables: { innodb_lock_wait_timeout: LOCK_WAIT_TIMEOUT_S },
    ...(tls === 'off'
      ? { allowPublicKeyRetrieval: true }
      : {
          ssl: {
            rejectUnauthorized: tls === 'verify',
            ...(ca === null ? {} : { ca: readFileSync(ca, 'utf8') }),
          },
        }),
  };
}

export interface PoolLimits {
  /** Waiting longer for a free connection is an error. */
  acquireTimeoutMs?: number;
  /** A connection that is silent for longer is given up, whatever it was asked; 0 waits for ever. */
  answerTimeoutMs?: number;
}

type LimitedPoolConfig = PoolConfig & { connectionLimit: number; acquireTimeout: number };

/** Options of a pool of at most `connectionsMax` connections. */
export function poolOptions(
  databaseUrl: string,
  connectionsMax: number,
  { acquireTimeoutMs = 5_000, answerTimeoutMs = 0 }: PoolLimits = {},
): LimitedPoolConfig {
  return {
    ...connectionOptions(databaseUrl),
    connectionLimit: connectionsMax,
    acquireTimeout: acquireTimeoutMs,
    socketTimeout: answerTimeoutMs,
    // Idle connections are closed: a burst does not hold the server's slots for ever.
    minimumIdle: 1,
    idleTimeout: 60,
  };
}

/** Options of the pool behind `inTransaction`: its sessions are READ COMMITTED and have autocommit off. */
export function transactionPoolOptions(
  databaseUrl: string,
  connectionsMax: number,
  limits: PoolLimits = {},
): LimitedPoolConfig {
  const options = poolOptions(databaseUrl, connectionsMax, limits);
  return {
    ...options,
    // Several statements of one transaction travel in one packet. Values never become part of a statement's text by hand.
    multipleStatements: true,
    // Not a session variable: the driver would set it for the next transaction alone.
    initSql: 'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
    sessionVariables: {
      ...options.sessionVariables,
      autocommit: 0,
      // Merging two indexes locks rows of other orders (`order_id` with `status`), and they deadlock.
      optimizer_switch: 'index_merge=off',
    },
  };
}
