import { collectDefaultMetrics, Gauge, register } from 'prom-client';
import { systemClock } from '#kit/clock';
import { systemIds } from '#kit/ids';
import { createHttpApp, listen } from '#kit/http';
import { OWN_PAGES_POLICY } from '#kit/pages';
import { runService } from '#kit/process';
import { openDatabase, pingDatabase, SERVICE_LIMITS } from '#prisma/database';
import { loadSchemaIds } from '#prisma/event-schemas';
import { closeDatabase, isDatabaseUnavailable, OverloadedError } from '#prisma/transaction';
import { createEncoder } from '#contracts/codec';
import { CANCEL_SPACING_MS, serverConfig } from './config';
import { paymentRoutes } from './routes';
import { breakerOf } from './toss/psp-breaker';
import { createTossClient } from './toss/toss-client';

runService(
  'payment-api',
  serverConfig,
  async (config, { log, releases }) => {
    collectDefaultMetrics();
    const db = openDatabase(config.databaseUrl, config.databaseConnections, SERVICE_LIMITS);
    releases.push('database', () => closeDatabase(db));
    const breakerOpen = new Gauge({
      name: 'payment_psp_breaker_open',
      help: '1 while the PSP is taken for down and nothing new is begun there',
    });
    const breaker = breakerOf(createTossClient(config.psp), { openMs: config.pspBreakerOpenMs, log });
    const world = {
      db,
      psp: breaker.psp,
      pspGate: breaker.gate,
      admission: config.admission,
      rateLimitPerMinute: config.rateLimitPerMinute,
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
      isOverload: (error) => error instanceof OverloadedError,
      isDependencyDown: isDatabaseUnavailable,
      trustedProxies: config.trustedProxies,
      metrics: () => {
        breakerOpen.set(breaker.isOpen() ? 1 : 0);
        return register.metrics();
      },
      contentSecurityPolicy: OWN_PAGES_POLICY,
      routes: (express) => paymentRoutes(express, world),
    });
    const server = await listen(app, config.port, config.host);
    releases.push('http server', () => server.close());
    log.info({ port: server.port }, 'payment API listens');
  },
  isDatabaseUnavailable,
);
