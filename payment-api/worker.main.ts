import { collectDefaultMetrics, Counter, register } from 'prom-client';
import { createDecoder, createEncoder } from '#contracts/codec';
import { openWriterSchemas } from '#contracts/registry';
import { systemClock } from '#kit/clock';
import { createHttpApp, listen } from '#kit/http';
import { systemIds } from '#kit/ids';
import { createKafka } from '#kit/kafka';
import { startConsumerLoop, type ConsumerLoop } from '#kit/kafka-consumer';
import { runService } from '#kit/process';
import { createConsumerMetrics } from '#messaging/consumer.metrics';
import { createBatchProcessor } from '#messaging/process-batch';
import { databaseClock } from '#prisma/clock';
import { openDatabase, pingDatabase, SERVICE_LIMITS } from '#prisma/database';
import { closeDatabase, isDatabaseUnavailable } from '#prisma/transaction';
import { loadSchemaIds, refuseMovedIds } from '#prisma/event-schemas';
import { acknowledgementService } from './acknowledge-settlement/acknowledge-settlement';
import { CANCEL_SPACING_MS, workerConfig } from './config';
import { startRecovery } from './recover-payments/recover-payments.timer';
import { createTossClient } from './toss/toss-client';

/** A transaction ends well before the broker gives the consumer up. */
const TRANSACTION_SHARE_OF_SESSION = 0.6;
/** Least time between two batches, ms: nobody waits for an acknowledgement. */
const BATCH_SPACING_MS = 150;

runService(
  'payment-worker',
  workerConfig,
  async (config, { log, releases, fail }) => {
    collectDefaultMetrics();
    const recovered = new Counter({
      name: 'payment_recovered_total',
      help: 'Payments and cancels that recovery has taken over, by what they were and how it ended',
      labelNames: ['kind', 'outcome'],
    });
    const db = openDatabase(config.databaseUrl, config.databaseConnections, SERVICE_LIMITS);
    releases.push('database', () => closeDatabase(db));
    await refuseMovedIds(db, config.registry, log);
    const encode = createEncoder(await loadSchemaIds(db));
    const recovery = startRecovery(
      {
        db,
        encode,
        log,
        psp: createTossClient(config.psp),
        ids: systemIds,
        clock: systemClock,
        pspPauseMs: config.psp.pauseMs,
        pspTimeoutMs: config.psp.timeoutMs,
        cancelSpacingMs: CANCEL_SPACING_MS,
        claimLeaseMs: config.claimLeaseMs,
        count: (kind, outcome) => recovered.inc({ kind, outcome }),
      },
      config.recovery,
    );
    releases.push('recovery', () => recovery.stop());
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
      metrics: () => register.metrics(),
      isAlive: () => (loop?.isAlive() ?? true) && recovery.isAlive(),
      routes: () => {},
    });
    const server = await listen(app, config.port, config.host);
    releases.push('http server', () => server.close());
    log.info({ port: server.port, host: config.host }, 'payment worker listens');

    loop = await startConsumerLoop({
      kafka: createKafka(config.kafka, 'payment-worker', log),
      groupId: acknowledgementService.consumer,
      topic: 'wallet',
      batchSizeMax: config.batchSizeMax,
      batchSpacingMs: BATCH_SPACING_MS,
      sessionTimeoutMs: config.sessionTimeoutMs,
      handle: createBatchProcessor(acknowledgementService, {
        db,
        decode: createDecoder(openWriterSchemas(config.registry)),
        encode,
        clock: databaseClock,
        ids: systemIds,
        transactionTimeoutMs: config.sessionTimeoutMs * TRANSACTION_SHARE_OF_SESSION,
        metrics: createConsumerMetrics(register, { prefix: 'payment', applied: 'acknowledged' }),
        log,
      }),
      onDeath: fail,
      log,
    });
    const running = loop;
    releases.push('consumer', () => running.stop());
    log.info('payment worker runs');
  },
  isDatabaseUnavailable,
);
