import { collectDefaultMetrics, register } from 'prom-client';
import { systemClock } from '#kit/clock';
import { systemIds } from '#kit/ids';
import { createHttpApp, listen } from '#kit/http';
import { runService } from '#kit/process';
import { openDatabase, pingDatabase } from '#prisma/database';
import { loadSchemaIds } from '#prisma/event-schemas';
import { isDatabaseUnavailable } from '#prisma/transaction';
import { createEncoder } from '#contracts/codec';
import { CANCEL_SPACING_MS, serverConfig } from './config';
import { contentSecurityPolicyOf } from './pages/pages.route';
import { paymentRoutes } from './routes';
import { createTossClient } from './toss/toss-client';

runService('payment-api', serverConfig, async (config, { log, releases }) => {
  collectDefaultMetrics();
  const db = openDatabase(config.databaseUrl, config.databaseConnections);
  releases.push('database', () => db.$disconnect());
  const world = {
    db,
    psp: createTossClient(config.psp),
    encode: createEncoder(await loadSchemaIds(db)),
    ids: systemIds,
    clock: systemClock,
    pspPauseMs: config.psp.pauseMs,
    cancelSpacingMs: CANCEL_SPACING_MS,
    claimLeaseMs: config.claimLeaseMs,
    adminKeys: config.adminKeys,
    paymentWindow: config.paymentWindow,
    walletPageUrl: config.walletPageUrl,
  };
  const app = createHttpApp({
    log,
    readiness: { database: () => pingDatabase(db) },
    isDependencyDown: isDatabaseUnavailable,
    metrics: () => register.metrics(),
    contentSecurityPolicy: contentSecurityPolicyOf(config.paymentWindow),
    routes: (express) => paymentRoutes(express, world),
  });
  const server = await listen(app, config.port, config.host);
  releases.push('http server', () => server.close());
  log.info({ port: server.port }, 'payment API listens');
});
