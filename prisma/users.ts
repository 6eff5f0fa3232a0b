import { createConnection, type ConnectionConfig } from 'mariadb';

/** The schema of the whole system. */
export const DATABASE_NAME = 'payment_eda';

/** MySQL users, one per kind of process. What each may do stands in `grants.sql`. */
export const USERS = {
  paymentApi: 'payment_api',
  wallet: 'wallet_service',
  ops: 'ops',
  migrator: 'migrator',
  cdc: 'debezium',
} as const;

export type UserRole = keyof typeof USERS;
export type Passwords = Record<UserRole, string>;

/** Passwords of a development machine. A process refuses them when NODE_ENV is production. */
export const DEVELOPMENT_PASSWORDS: Passwords = {
  paymentApi: 'payment_api',
  wallet: 'wallet_service',
  ops: 'ops',
  migrator: 'migrator',
  cdc: 'debezium',
};

/** Database URL of a user on an embedded or development server. */
export function developmentUrl(
  role: UserRole,
  port: number,
  host = '127.0.0.1',
  database = DATABASE_NAME,
): string {
  return `mysql://${USERS[role]}:${DEVELOPMENT_PASSWORDS[role]}@${host}:${port}/${database}`;
}

/**
 * Creates the schema and the users, as an administrator. Repeating it changes nothing but the passwords. Privileges on
 * tables are granted by the migrator, table by table; here stand only the ones that concern the whole server.
 */
export async function ensureUsers(
  administrator: Pick<ConnectionConfig, 'host' | 'port' | 'user' | 'password'>,
  passwords: Passwords,
  database: string = DATABASE_NAME,
): Promise<void> {
  const connection = await createConnection({
    ...administrator,
    allowPublicKeyRetrieval: true,
    connectTimeout: 5_000,
  });
  const account = (role: UserRole): string => `'${USERS[role]}'@'%'`;
  try {
    await connection.query(`CREATE DATABASE IF NOT EXISTS \`${database}\` CHARACTER SET utf8mb4`);
    for (const role of Object.keys(USERS) as UserRole[]) {
      const password = connection.escape(passwords[role]);
      await connection.query(`CREATE USER IF NOT EXISTS ${account(role)} IDENTIFIED BY ${password}`);
      await connection.query(`ALTER USER ${account(role)} IDENTIFIED BY ${password}`);
    }
    await connection.query(`GRANT ALL ON \`${database}\`.* TO ${account('migrator')} WITH GRANT OPTION`);
    await connection.query(
      `GRANT RELOAD, SHOW DATABASES, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO ${account('cdc')}`,
    );
  } finally {
    await connection.end();
  }
}
