import { ConfigError } from '#kit/config';
import { DatabaseUrlError } from './connection';
import { USERS, ensureUsers } from './users';
import { usersConfig } from './users.config';

/** Creates the schema and the users, as the administrator of MYSQL_ROOT_URL. Repeating it is safe. */
async function main(): Promise<void> {
  const { administrator, passwords } = usersConfig();
  await ensureUsers(administrator, passwords);
  process.stdout.write(`users: ${Object.values(USERS).join(', ')}\n`);
}

main().catch((error: unknown) => {
  const expected = error instanceof ConfigError || error instanceof DatabaseUrlError;
  const reason = (error as { sqlMessage?: string }).sqlMessage ?? (error as Error).message;
  process.stderr.write(`${expected ? (error as Error).message : `cannot create users: ${reason}`}\n`);
  process.exitCode = 1;
});
