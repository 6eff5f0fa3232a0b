import express, { type ErrorRequestHandler, type Express } from 'express';
import { backOfficeRoute } from './back-office/back-office.route';
import { cancelRoute } from './cancel/cancel.route';
import { BadRequest } from './check';
import { confirmRoute } from './confirm/confirm.route';
import { TossError, tossError } from './errors';
import { faultsRoute } from './faults/faults.route';
import { listTransactionsRoute } from './list-transactions/list-transactions.route';
import { lookUpRoute } from './look-up/look-up.route';
import type { World } from './toss-api';
import { webhooksRoute } from './webhooks/webhooks.route';
import { windowRoute } from './window/window.route';

const BODY_LIMIT = '64kb';

/** All doors of the simulator. */
export function simulatorApp(world: World, allowedOrigins: readonly string[]): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.get('/health/live', (_request, response) => {
    response.json({ status: 'UP' });
  });
  app.get('/health/ready', (_request, response) => {
    const up = world.book.healthy;
    response
      .status(up ? 200 : 503)
      .json({ status: up ? 'UP' : 'DOWN', checks: { journal: up ? 'UP' : 'DOWN' } });
  });
  app.use(windowRoute(world, allowedOrigins));
  app.use(express.json({ limit: BODY_LIMIT }));
  app.use(confirmRoute(world));
  app.use(cancelRoute(world));
  app.use(lookUpRoute(world));
  app.use(listTransactionsRoute(world));
  app.use(faultsRoute(world.faults));
  app.use(webhooksRoute(world.webhooks));
  app.use(backOfficeRoute(world));
  app.use(() => {
    throw tossError('NOT_FOUND');
  });
  app.use(answerErrors(world));
  return app;
}

/**
 * The one place where an error becomes an answer outside the `/v1` calls, which answer their own refusals.
 */
function answerErrors(world: World): ErrorRequestHandler {
  return (error: unknown, request, response, next) => {
    if (response.headersSent) return next(error);
    const told = error instanceof BadRequest ? error : fromParser(error);
    if (told instanceof BadRequest) {
      response.status(400).json({ code: 'INVALID_REQUEST', message: told.message, issues: told.issues });
      return;
    }
    if (!(told instanceof TossError)) world.log.error({ err: error, path: request.path }, 'unforeseen error');
    const answer = told instanceof TossError ? told : tossError('FAILED_INTERNAL_SYSTEM_PROCESSING');
    response.status(answer.status).json({ code: answer.code, message: answer.message });
  };
}

/** Errors of the body parser carry a 4xx status: malformed JSON, too large, an unknown encoding. */
function fromParser(error: unknown): unknown {
  if (error instanceof TossError || !(error instanceof Error)) return error;
  const status = 'status' in error && typeof error.status === 'number' ? error.status : 500;
  if (status >= 500) return error;
  return new TossError('INVALID_REQUEST', { status });
}
