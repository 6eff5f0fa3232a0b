import { mkdirSync, rmSync } from 'node:fs';
import { createConnection } from 'mariadb';
import { readLaunchConfig } from '#launch/config';
import { ownPorts } from '#launch/own-ports';
import { SERVICE_NAMES, startService, urlOf as serviceUrl, type ServiceName } from '#launch/services';
import { systemUp, type RunningSystem } from '#launch/system';
import { DATABASE_NAME } from '#prisma/users';
import { sha256Hex } from './bulk';
import { addSellers } from './catalog';
import { benchEnvironment } from './config';
import { openMarket } from './market';
import { processesOf } from './processes';
import { publishedEncoder } from './published-encoder';
import { urlOf, type Server } from './rivals/bare-sql.plan';
import type { SystemUnderTest } from './system-under-test';

const WALLETS = 1_000;
/** The market's orders have two or three lines, for which there are two events. */
const LINES_PER_EVENT = 1.25;
const MARKET_MS = 30 * 86_400_000;
/** Spread rows of `settlements` find their pages in memory; the product's own size is set again behind them. */
const LOADING_BUFFER_BYTES = 2 * 1_073_741_824;
/** For sorting an index; the default is 1 MiB. */
const DDL_BUFFER_BYTES = 536_870_912;
const SAY_EVERY_MS = 10_000;

/** This checkout's whole system, with tables that were filled before. */
export interface GrownSystem extends SystemUnderTest {
  /** Stops wallet consumer and payment worker for `work`. Resolves when they are ready again. */
  withoutConsumers(work: () => Promise<void>): Promise<void>;
}

interface GrownPlace {
  /** Where its data go, absolute; must not exist. */
  stackDir: string;
  signal: AbortSignal;
  say: (text: string) => void;
}

/** Stops services for `work`. */
async function without(
  { config, services }: RunningSystem,
  names: readonly ServiceName[],
  work: () => Promise<void>,
): Promise<void> {
  await Promise.all(names.map(async (name) => services.get(name)?.stop()));
  await work();
  await Promise.all(names.map(async (name) => services.set(name, await startService(config, name))));
}

/** As random as the product's: an order's rows are written at any place of an index, not at its end. */
function spreadOrderId(no: number): string {
  const hex = sha256Hex(`order ${no}`);
  return [
    [0, 8],
    [8, 12],
    [12, 16],
    [16, 20],
    [20, 32],
  ]
    .map(([from, to]) => hex.slice(from, to))
    .join('-');
}

/** Fills the tables in bulk. Neither the binary log nor a topic has anything of it. */
async function fill(
  server: Server,
  lines: number,
  { folder, signal, say }: { folder: string; signal: AbortSignal; say: (text: string) => void },
): Promise<void> {
  const root = await createConnection({
    ...server,
    database: DATABASE_NAME,
    allowPublicKeyRetrieval: true,
    multipleStatements: true,
  });
  // The statement that was cut off says it.
  root.on('error', () => {});
  const cutOff = (): void => root.destroy();
  signal.addEventListener('abort', cutOff);
  let saidMs = performance.now();
  try {
    await root.query(`SET sql_log_bin = 0, innodb_ddl_buffer_size = ${DDL_BUFFER_BYTES}`);
    const [settings] = await root.query<{ bufferBytes: bigint }[]>(
      'SELECT @@innodb_buffer_pool_size AS bufferBytes',
    );
    await root.query(`SET GLOBAL innodb_buffer_pool_size = ${LOADING_BUFFER_BYTES}`);
    const market = await openMarket({
      root,
      orderIdOf: spreadOrderId,
      encode: await publishedEncoder(urlOf(server, DATABASE_NAME)),
      wallets: WALLETS,
      folder,
      progress: (done) => {
        if (performance.now() - saidMs < SAY_EVERY_MS) return;
        saidMs = performance.now();
        say(`${done} ledger lines …`);
      },
      say,
    });
    const endMs = Date.now();
    const toLines = Math.ceil(lines * LINES_PER_EVENT);
    await market.grow(toLines, { fromMs: endMs - MARKET_MS, endMs, retainedFromMs: 0 });
    await root.query(`SET GLOBAL innodb_buffer_pool_size = ${settings?.bufferBytes}`);
    const counts = market.counts();
    say(`${counts.lines} ledger lines, ${counts.events} rows in outbox and inbox`);
  } finally {
    signal.removeEventListener('abort', cutOff);
    await root.end();
  }
}

/**
 * Brings this checkout's system up on free ports, with at least `lines` lines in its ledger and as many rows in its outbox
 * and inbox.
 *
 * @throws StackError; StackInterrupted. Nothing is left running then.
 */
export async function grownSystem(
  lines: number,
  { stackDir, signal, say }: GrownPlace,
): Promise<GrownSystem> {
  const folder = `${stackDir}-load`;
  mkdirSync(folder, { recursive: true });
  const ports = await ownPorts();
  const own = { ...ports, STACK_DIR: stackDir, RATE_LIMIT_PER_MINUTE: '0' };
  const config = readLaunchConfig(benchEnvironment(own));
  config.stack.mysqlOptions = [`--secure-file-priv=${folder}`];
  const system = await systemUp(config, { server: () => {}, step: () => {} }, signal);
  const down = async (): Promise<void> => {
    await system.down();
    for (const path of [stackDir, folder]) rmSync(path, { recursive: true, force: true });
  };
  const { host, port, rootUser: user, rootPassword: password } = system.stack.endpoints.mysql;
  const mysql = { host, port, user, password };
  try {
    await without(system, SERVICE_NAMES, () => fill(mysql, lines, { folder, signal, say }));
    await addSellers(mysql);
  } catch (error) {
    await down();
    throw error;
  }
  return {
    apiUrl: serviceUrl(config, 'api'),
    simulatorUrl: serviceUrl(config, 'simulator'),
    mysql,
    kafkaBroker: system.stack.endpoints.kafkaBrokers[0] ?? '',
    env: config.env,
    processes: () => processesOf(stackDir),
    withoutConsumers: (work) => without(system, ['wallet', 'worker'], work),
    stop: () => system.down(),
    down,
  };
}
