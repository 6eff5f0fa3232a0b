import { mkdirSync, rmSync } from 'node:fs';
import { Kafka, logLevel, Partitioners, type Admin, type Producer } from 'kafkajs';
import { createConnection, type Connection } from 'mariadb';
import { createEncoder, type SchemaIds } from '#contracts/codec';
import { PAYMENT_SERVICE, WALLET_SERVICE } from '#contracts/topics';
import { readLaunchConfig, type LaunchConfig } from '#launch/config';
import { ownPorts } from '#launch/own-ports';
import { startService, urlOf, type Service } from '#launch/services';
import { prepare } from '#launch/system';
import { CommandError } from '#ops/command';
import { databaseUrl } from '#prisma/config';
import { openDatabase } from '#prisma/database';
import { loadSchemaIds } from '#prisma/event-schemas';
import { closeDatabase } from '#prisma/transaction';
import { DATABASE_NAME } from '#prisma/users';
import type { RunningStack } from '#stack/running';
import { stackReset, stackUp } from '#stack/stack';
import { readWalletConfig } from '#wallet-consumer/config';
import { addBacklogSellers, backlogOf, creditsOf, type BacklogMessage, type BacklogShape } from './backlog';
import { BulkLoader } from './bulk';
import { LINES_PER_ORDER } from './catalog';
import { benchEnvironment } from './config';
import type { Running } from './context';
import { watchDrain, type Delivery, type Drain } from './drain';
import { processesOf } from './processes';
import type { Server } from './rivals/bare-sql.plan';

/** Two records of about 8 KiB a partition: as small as those that the connector's producer makes. */
const EVENTS_PER_SENDING = 300;
/** Made anew for each backlog, so that none pays for the rows of those before it. */
const EMPTIED = [
  'payment_order_histories',
  'payment_orders',
  'payment_events',
  'wallet_transactions',
  'wallets',
  'products',
  'sellers',
  'settlements',
  'inbox',
  'outbox',
];
/** What each consumer group reads. */
const GROUPS = [
  { groupId: WALLET_SERVICE, topic: 'payment' },
  { groupId: PAYMENT_SERVICE, topic: 'wallet' },
] as const;

interface Parts {
  config: LaunchConfig;
  stack: RunningStack;
  root: Connection;
  admin: Admin;
  producer: Producer;
  schemaIds: SchemaIds;
  /** MySQL may read files of this folder. */
  loadFolder: string;
}

/** Servers with a connector, and the two consumers, which run only while a backlog is drained. */
export class BacklogSystem implements Running {
  readonly #parts: Parts;
  readonly mysql: Server;
  readonly schemaIds: SchemaIds;
  /** Messages of one batch of the wallet consumer, at most. */
  readonly batchSizeMax: number;

  constructor(parts: Parts) {
    this.#parts = parts;
    const { host, port, rootUser: user, rootPassword: password } = parts.stack.endpoints.mysql;
    this.mysql = { host, port, user, password };
    this.schemaIds = parts.schemaIds;
    this.batchSizeMax = readWalletConfig(parts.config.env).batchSizeMax;
  }

  /** Empties tables and topics, then puts a backlog in place. */
  async place(shape: BacklogShape): Promise<void> {
    const { producer } = this.#parts;
    await this.#emptyTopics();
    await this.#load(shape, async (messages) => {
      for (let from = 0; from < messages.length; from += EVENTS_PER_SENDING)
        await producer.send({ topic: 'payment', messages: messages.slice(from, from + EVENTS_PER_SENDING) });
    });
  }

  /** Empties the tables and loads a backlog's rows. @returns its events, which are not published */
  async placeRows(shape: BacklogShape): Promise<BacklogMessage[]> {
    const all: BacklogMessage[] = [];
    await this.#load(shape, async (messages) => void all.push(...messages));
    return all;
  }

  async #load(shape: BacklogShape, take: (messages: BacklogMessage[]) => Promise<unknown>): Promise<void> {
    const { root, loadFolder, schemaIds } = this.#parts;
    for (const table of EMPTIED) await root.query(`TRUNCATE TABLE ${table}`);
    await addBacklogSellers(root, shape);
    const loader = new BulkLoader(root, loadFolder);
    for (const { rows, messages } of backlogOf(shape, createEncoder(schemaIds)))
      await Promise.all([loader.load(rows), take(messages)]);
    await loader.analyze();
  }

  async #emptyTopics(): Promise<void> {
    const { admin } = this.#parts;
    for (const { topic } of GROUPS) {
      const offsets = await admin.fetchTopicOffsets(topic);
      const partitions = offsets.map(({ partition, high }) => ({ partition, offset: high }));
      await admin.deleteTopicRecords({ topic, partitions });
    }
    await this.rewind();
  }

  /** Both consumers are given everything again from the beginning. */
  async rewind(): Promise<void> {
    const { admin } = this.#parts;
    for (const { groupId, topic } of GROUPS) {
      const offsets = await admin.fetchTopicOffsets(topic);
      const partitions = offsets.map(({ partition, low }) => ({ partition, offset: low }));
      await admin.setOffsets({ groupId, topic, partitions });
    }
  }

  /**
   * Starts both consumers, waits until all of a backlog is delivered, and stops them.
   *
   * @throws CommandError when it comes to a halt, or what is in the tables then is wrong
   */
  async drain(shape: BacklogShape, delivery: Delivery, signal: AbortSignal): Promise<Drain> {
    const { config } = this.#parts;
    const running: Service[] = [];
    const start = async (name: 'worker' | 'wallet'): Promise<unknown> =>
      running.push(await startService(config, name, signal));
    const watching = new AbortController();
    const watch = watchDrain({
      urls: { settled: urlOf(config, 'wallet'), acknowledged: urlOf(config, 'worker') },
      orders: shape.orders,
      delivery,
      processes: () => processesOf(config.stack.stackDir),
      signal: AbortSignal.any([signal, watching.signal]),
    });
    try {
      // The wallet consumer begins while nothing else is starting.
      const started = start('worker').then(() => start('wallet'));
      const [drain] = await Promise.all([watch, started]);
      await this.#verify(shape);
      return drain;
    } finally {
      watching.abort();
      await Promise.all(running.map((service) => service.stop()));
    }
  }

  /** @throws CommandError naming every number that is not as it must be once a backlog is through */
  async #verify(shape: BacklogShape): Promise<void> {
    const [found = {}] = await this.#parts.root.query<Record<string, string | bigint>[]>(`SELECT
      (SELECT COUNT(*) FROM wallet_transactions) AS \`ledger lines\`,
      (SELECT CAST(SUM(balance) AS SIGNED) FROM wallets) AS \`won in wallets\`,
      (SELECT COUNT(*) FROM payment_events WHERE is_wallet_done AND acknowledged_events = 1) AS acknowledged,
      (SELECT COUNT(*) FROM dead_letters) AS \`dead letters\``);
    const wanted: Record<string, number> = {
      'ledger lines': shape.orders * LINES_PER_ORDER,
      'won in wallets': creditsOf(shape),
      acknowledged: shape.orders,
      'dead letters': 0,
    };
    const wrong = Object.entries(wanted).filter(([name, number]) => Number(found[name]) !== number);
    if (wrong.length === 0) return;
    const problems = wrong.map(([name, number]) => `${String(found[name])} ${name}, not ${number}`);
    throw new CommandError(`after ${shape.orders} orders: ${problems.join('; ')}`);
  }

  async down(): Promise<void> {
    const { config, stack, root, admin, producer, loadFolder } = this.#parts;
    await Promise.allSettled([admin.disconnect(), producer.disconnect(), root.end()]);
    await stack.down();
    await stackReset(config.stack);
    for (const folder of [config.stack.stackDir, loadFolder])
      rmSync(folder, { recursive: true, force: true });
  }
}

async function connected(stack: RunningStack): Promise<Pick<Parts, 'root' | 'admin' | 'producer'>> {
  const { host, port, rootUser: user, rootPassword: password } = stack.endpoints.mysql;
  const root = await createConnection({
    host,
    port,
    user,
    password,
    database: DATABASE_NAME,
    allowPublicKeyRetrieval: true,
    multipleStatements: true,
  });
  // Whoever uses it hears of its end by the next statement. Without a listener it would end the process.
  root.on('error', () => {});
  // The connector must not see what is put in place.
  await root.query('SET sql_log_bin = 0, unique_checks = 0, foreign_key_checks = 0');
  const kafka = new Kafka({
    clientId: 'bench',
    brokers: stack.endpoints.kafkaBrokers,
    logLevel: logLevel.NOTHING,
  });
  const admin = kafka.admin();
  const createPartitioner = Partitioners.DefaultPartitioner;
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1, createPartitioner });
  await Promise.all([admin.connect(), producer.connect()]);
  return { root, admin, producer };
}

async function schemaIdsOf(env: NodeJS.ProcessEnv): Promise<SchemaIds> {
  const db = openDatabase(databaseUrl('ops', env), 1);
  try {
    return await loadSchemaIds(db);
  } finally {
    await closeDatabase(db);
  }
}

/** Brings the servers up, without any process of ours. @throws StackError; StackInterrupted */
export async function backlogSystemUp(stackDir: string, signal: AbortSignal): Promise<BacklogSystem> {
  const loadFolder = `${stackDir}-load`;
  mkdirSync(loadFolder, { recursive: true });
  const own = { STACK_DIR: stackDir, ...(await ownPorts()), RATE_LIMIT_PER_MINUTE: '0' };
  const config = readLaunchConfig(benchEnvironment(own));
  config.stack.mysqlOptions = [`--secure-file-priv=${loadFolder}`];
  const stack = await stackUp(config.stack, { signal });
  try {
    await prepare(config, { server: () => {}, step: () => {} });
    const parts = { config, stack, loadFolder, schemaIds: await schemaIdsOf(config.env) };
    return new BacklogSystem({ ...parts, ...(await connected(stack)) });
  } catch (error) {
    await stack.down();
    throw error;
  }
}
