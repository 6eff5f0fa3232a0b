import {
  copyFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { createConnection, type Connection } from 'mariadb';
import { DATABASE_NAME, DEVELOPMENT_PASSWORDS, USERS, ensureUsers } from '#prisma/users';
import { ROOT_PASSWORD, ROOT_USER } from './config';
import { LOOPBACK, serverEnvironment, type Place, type Resource } from './resource';
import { runTool } from './tool';

const CONNECT_TIMEOUT_MS = 2_000;

function connectAsRoot(port: number): Promise<Connection> {
  return createConnection({
    host: LOOPBACK,
    port,
    user: ROOT_USER,
    password: ROOT_PASSWORD,
    allowPublicKeyRetrieval: true,
    connectTimeout: CONNECT_TIMEOUT_MS,
    socketTimeout: CONNECT_TIMEOUT_MS,
  });
}

/** Paths and addresses; what matters for correctness stands in mysql.cnf. */
function options(place: Place, datadir: string): string[] {
  const { mysql } = place.distribution;
  return [
    `--defaults-file=${place.folder.conf('mysql.cnf')}`,
    `--basedir=${mysql}`,
    `--lc-messages-dir=${join(mysql, 'share')}`,
    `--character-sets-dir=${join(mysql, 'share', 'charsets')}`,
    `--datadir=${datadir}`,
    `--tmpdir=${join(place.folder.path, 'tmp', 'mysql')}`,
    // Relative to the data folder: a socket's path may not be longer than 107 bytes.
    '--socket=mysql.sock',
    '--pid-file=mysqld.pid',
    ...(process.getuid?.() === 0 ? ['--user=root'] : []),
  ];
}

function environment(place: Place): Record<string, string> {
  return { ...serverEnvironment(place.settings), LD_LIBRARY_PATH: place.distribution.libraries };
}

/** Runs once, while the data folder is made; it does not reach the binary log. One statement a line. */
const FIRST_STATEMENTS = [
  `ALTER USER 'root'@'localhost' IDENTIFIED BY '${ROOT_PASSWORD}';`,
  `CREATE USER 'root'@'%' IDENTIFIED BY '${ROOT_PASSWORD}';`,
  `GRANT ALL PRIVILEGES ON *.* TO 'root'@'%' WITH GRANT OPTION;`,
  `CREATE DATABASE ${DATABASE_NAME} CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci;`,
];

/** Made beside its place and moved there when whole. */
async function makeDataFolder(place: Place, datadir: string): Promise<void> {
  const part = `${datadir}.part`;
  rmSync(part, { recursive: true, force: true });
  mkdirSync(part, { recursive: true, mode: 0o700 });
  const initFile = place.folder.conf('mysql-first.sql');
  writeFileSync(initFile, `${FIRST_STATEMENTS.join('\n')}\n`);
  const { exitCode, output } = await runTool(
    join(place.distribution.mysql, 'bin', 'mysqld'),
    [...options(place, part), '--initialize-insecure', `--init-file=${initFile}`],
    { cwd: part, env: environment(place), signal: place.signal, logPath: place.folder.log('mysql') },
  );
  if (exitCode !== 0) throw new Error(`mysqld could not make its data folder: ${output.trim()}`);
  renameSync(part, datadir);
}

export const mysql: Resource = {
  name: 'mysql',
  title: 'MySQL',
  dependsOn: [],
  startLimitMs: 120_000,
  stopLimitMs: 30_000,
  configFiles: ['stack/mysql.cnf'],

  async prepare(place) {
    const datadir = place.folder.data('mysql');
    place.folder.emptyTmp('mysql');
    const conf = place.folder.conf('mysql.cnf');
    copyFileSync(join(place.settings.projectDir, 'stack', 'mysql.cnf'), conf);
    // mysqld ignores a configuration that everybody may write.
    chmodSync(conf, 0o600);
    if (!existsSync(datadir)) await makeDataFolder(place, datadir);
    // A killed mysqld leaves its socket's lock, and a stranger with the number in it would keep mysqld from
    // starting.
    for (const name of readdirSync(datadir)) {
      if (name.startsWith('mysql.sock') || name === 'mysqld.pid') rmSync(join(datadir, name));
    }
  },

  command(place) {
    return {
      file: join(place.distribution.mysql, 'bin', 'mysqld'),
      args: [
        ...options(place, place.folder.data('mysql')),
        `--port=${place.ports.mysql}`,
        `--bind-address=${LOOPBACK}`,
        ...(place.settings.mysqlOptions ?? []),
      ],
      env: environment(place),
      cwd: place.folder.data('mysql'),
    };
  },

  identity: (settings) => settings.mysqlOptions,

  async healthy(place) {
    let connection: Connection | undefined;
    try {
      connection = await connectAsRoot(place.ports.mysql);
      await connection.query('SELECT 1');
      return true;
    } catch {
      // Not listening yet, or not able to answer: not healthy, which is the answer.
      return false;
    } finally {
      connection?.destroy();
    }
  },

  /** A binlog reader that is gone is noticed only after 10 s, for which mysqld would wait. */
  async beforeStop(port) {
    const connection = await connectAsRoot(port);
    try {
      const readers = await connection.query<{ id: bigint }[]>(
        "SELECT id FROM information_schema.processlist WHERE command LIKE 'Binlog Dump%'",
      );
      for (const { id } of readers) await connection.query(`KILL ${id}`);
    } finally {
      connection.destroy();
    }
  },

  async settle(place) {
    const passwords = { ...DEVELOPMENT_PASSWORDS };
    if (place.settings.cdcUser === USERS.cdc) passwords.cdc = place.settings.cdcPassword;
    await ensureUsers(
      { host: LOOPBACK, port: place.ports.mysql, user: ROOT_USER, password: ROOT_PASSWORD },
      passwords,
    );
  },
};
