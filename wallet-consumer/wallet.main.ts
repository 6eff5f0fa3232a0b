import { collectDefaultMetrics, Registry } from 'prom-client';
import { createDecoder, createEncoder } from '#contracts/codec';
import { openWriterSchemas } from '#contracts/registry';
import { WALLET_SERVICE } from '#contracts/topics';
import { ConfigError } from '#kit/config';
import { createHttpApp, listen } from '#kit/http';
import { systemIds } from '#kit/ids';
import { createKafka } from '#kit/kafka';
import { startConsumerLoop, type ConsumerLoop } from '#kit/kafka-consumer';
import { createLog, type Logger } from '#kit/log';
import { runUntilSignal } from '#kit/process';
import { OWN_PAGES_POLICY } from '#kit/pages';
import { Releases } from '#kit/releases';
import { databaseClock } from '#prisma/clock';
import { openDatabase, pingDatabase, SERVICE_LIMITS } from '#prisma/database';
import { loadSchemaIds, refuseMovedIds } from '#prisma/event-schemas';
import { closeDatabase, isDatabaseUnavailable } from '#prisma/transaction';
import { readWalletConfig, type WalletConfig } from './config';
import { walletRoutes } from './routes';
import { createSettlementConsumer } from './settle-payments/settle-payments.consumer';
import { registerWalletMetrics } from './wallets.metrics';

const TOPIC = 'payment';
const RELEASE_TIMEOUT_MS = 25_000;
/** A transaction ends well before the broker gives the consumer up. */
const TRANSACTION_SHARE_OF_SESSION = 0.6;
/** Least time between two batches, ms: sellers and shoppers wait for a settlement. */
const BATCH_SPACING_MS = 10;

async function start(
  config: WalletConfig,
  log: Logger,
  releases: Releases,
  fail: (error: unknown) => void,
): Promise<void> {
  const db = openDatabase(config.databaseUrl, config.databaseConnectionsMax, SERVICE_LIMITS);
  releases.push('database', () => closeDatabase(db));
  const encode = createEncoder(await loadSchemaIds(db));
  await refuseMovedIds(db, config.registry, log);

  const metrics = new Registry();
  collectDefaultMetrics({ register: metrics });
  registerWalletMetrics(metrics, db, log);
  let loop: ConsumerLoop | undefined;
  const app = createHttpApp({
    log,
    readiness: {
      database: () => pingDatabase(db),
      consumer: async () => {
        if (loop === undefined) throw new Error('the consumer has not started');
        await loop.ready();
      },
    },
    isDependencyDown: isDatabaseUnavailable,
    trustedProxies: config.trustedProxies,
    contentSecurityPolicy: OWN_PAGES_POLICY,
    metrics: () => metrics.metrics(),
    isAlive: () => loop?.isAlive() ?? true,
    routes: walletRoutes(db, config.adminApiKeys, config.rateLimitPerMinute),
  });
  const server = await listen(app, config.port, config.host);
  releases.push('http', () => server.close());
  log.info({ port: server.port, host: config.host }, 'wallet service listens');

  loop = await startConsumerLoop({
    kafka: createKafka(config.kafka, WALLET_SERVICE, log),
    groupId: WALLET_SERVICE,
    topic: TOPIC,
    batchSizeMax: config.batchSizeMax,
    batchSpacingMs: BATCH_SPACING_MS,
    sessionTimeoutMs: config.sessionTimeoutMs,
    handle: createSettlementConsumer(
      {
        db,
        encode,
        decode: createDecoder(openWriterSchemas(config.registry)),
        clock: databaseClock,
        ids: systemIds,
        transactionTimeoutMs: config.sessionTimeoutMs * TRANSACTION_SHARE_OF_SESSION,
        log,
      },
      metrics,
    ),
    onDeath: fail,
    log,
  });
  const running = loop;
  releases.push('consumer', () => running.stop());
  log.info({ topic: TOPIC, groupId: WALLET_SERVICE }, 'consumer runs');
}

function main(): void {
  const config = readWalletConfig();
  const log = createLog('wallet-consumer', config.logLevel);
  const releases = new Releases();
  const { fail } = runUntilSignal({
    log,
    releases,
    releaseTimeoutMs: RELEASE_TIMEOUT_MS,
    isForeseen: isDatabaseUnavailable,
  });
  start(config, log, releases, fail).catch(fail);
}

try {
  main();
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
