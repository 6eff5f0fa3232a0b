import { randomUUID } from 'node:crypto';
import { STATUS_CODES, createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, {
  type ErrorRequestHandler,
  type Express,
  type Request,
  type RequestHandler,
  type Response,
} from 'express';
import helmet from 'helmet';
import type { Logger } from 'pino';
import pinoHttp from 'pino-http';
import type { z } from 'zod';
import { REFUSALS, Refusal } from './refusal';

export const BODY_BYTES_MAX = 64 * 1024;
const REQUEST_TIMEOUT_MS = 60_000;
const HEADERS_TIMEOUT_MS = 10_000;
const CLOSE_GRACE_MS = 15_000;
const ISSUES_MAX = 20;
const REQUEST_ID = /^[\w.-]{1,64}$/;

/** A part of the world that must answer before requests may come; rejects when it does not. */
export type ReadinessChecks = Record<string, () => Promise<unknown>>;

/** Node's status name as the envelope writes it: 404 → "NOT_FOUND". */
export function statusName(http: number): string {
  return (STATUS_CODES[http] ?? 'UNKNOWN').toUpperCase().replaceAll(/[^A-Z]+/g, '_');
}

/** Answers with the envelope `{code, status, message, data}`. */
export function answer(res: Response, data: unknown, http = 200): void {
  res
    .status(http)
    .json({ code: http, status: statusName(http), message: statusName(http).replaceAll('_', ' '), data });
}

/** @throws Refusal PEC0008 with one issue per wrong field */
export function parse<S extends z.ZodType>(schema: S, input: unknown): z.output<S> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const issues = result.error.issues
    .slice(0, ISSUES_MAX)
    .map(({ path, message }) => ({ path: path.map(String).join('.'), message }));
  throw new Refusal('PEC0008', { data: { issues } });
}

/** Reads a JSON body: 415 for another content type, 413 above 64 KiB, 400 for what is not JSON. */
export const jsonBody: [RequestHandler, RequestHandler] = [
  (req, _res, next) => {
    if (req.is('application/json') === false || req.headers['content-type'] === undefined) {
      throw new Refusal('PEC0008', {
        http: 415,
        data: { issues: [{ path: 'content-type', message: 'must be application/json' }] },
      });
    }
    next();
  },
  express.json({ limit: BODY_BYTES_MAX, strict: true, inflate: false }),
];

function refusalOfParser(error: { type?: string; message?: string }): Refusal | undefined {
  const issue = (http: number, message: string): Refusal =>
    new Refusal('PEC0008', { http, data: { issues: [{ path: 'body', message }] } });
  switch (error.type) {
    case 'entity.too.large':
      return issue(413, `must not exceed ${BODY_BYTES_MAX} bytes`);
    case 'entity.parse.failed':
      return issue(400, 'is not JSON');
    case 'encoding.unsupported':
    case 'charset.unsupported':
      return issue(415, 'must be UTF-8 without content encoding');
    case 'request.aborted':
    case 'request.size.invalid':
      return issue(400, 'did not arrive whole');
    default:
      return undefined;
  }
}

/** English only when the client asks for it: the shop speaks Korean. */
function messageFor(req: Request, refusal: Refusal): string {
  const kind = REFUSALS[refusal.code];
  const wantsEnglish =
    req.headers['accept-language'] !== undefined && req.acceptsLanguages('ko', 'en') === 'en';
  return wantsEnglish ? kind.en : kind.ko;
}

const DEPENDENCY_RETRY_AFTER_S = 5;
const OVERLOAD_RETRY_AFTER_S = 1;
const never = (): boolean => false;

function refusalOf(
  error: unknown,
  { isOverload = never, isDependencyDown = never }: Pick<HttpAppOptions, 'isOverload' | 'isDependencyDown'>,
): Refusal {
  if (error instanceof Refusal) return error;
  const internal = String(error);
  if (isOverload(error)) {
    return new Refusal('PEC0014', { internal, retryAfterSeconds: OVERLOAD_RETRY_AFTER_S });
  }
  if (isDependencyDown(error)) {
    return new Refusal('PEC0014', { internal, retryAfterSeconds: DEPENDENCY_RETRY_AFTER_S });
  }
  if (error instanceof URIError) return new Refusal('PEC0008', { internal });
  return refusalOfParser(error as { type?: string }) ?? new Refusal('PEC9999', { internal });
}

/** The one place where a refusal becomes an answer; whatever else was thrown is PEC9999 and says nothing. */
const answerErrors =
  (options: Pick<HttpAppOptions, 'isOverload' | 'isDependencyDown'>): ErrorRequestHandler =>
  (error: unknown, req, res, next) => {
    if (res.headersSent) return next(error);
    const refusal = refusalOf(error, options);
    if (refusal.http >= 500 && !(options.isOverload ?? never)(error))
      req.log.error({ err: error, errorCode: refusal.code }, 'request failed');
    else req.log.info({ errorCode: refusal.code, reason: refusal.details.internal }, 'request refused');
    if (refusal.details.retryAfterSeconds !== undefined)
      res.set('Retry-After', String(refusal.details.retryAfterSeconds));
    res.status(refusal.http).json({
      code: refusal.http,
      status: statusName(refusal.http),
      errorCode: refusal.code,
      message: messageFor(req, refusal),
      data: refusal.details.data ?? null,
    });
  };

/**
 * Answers other methods of a path with 405. Put it behind the path's routes.
 *
 * @param allowed the methods the path has, as `Allow` names them
 */
export function otherMethods(...allowed: string[]): RequestHandler {
  return (req, res) => {
    res.set('Allow', allowed.join(', '));
    throw new Refusal('PEC0008', {
      http: 405,
      data: { issues: [{ path: 'method', message: `${req.method} is not one of ${allowed.join(', ')}` }] },
    });
  };
}

export interface HttpAppOptions {
  log: Logger;
  readiness: ReadinessChecks;
  /** Text of `/metrics` (Prometheus exposition format). */
  metrics?: () => Promise<string>;
  /** False from the moment on when the process should be restarted. */
  isAlive?: () => boolean;
  /** Addresses or networks whose X-Forwarded-For is believed; nobody's by default. */
  trustedProxies?: readonly string[];
  contentSecurityPolicy?: Record<string, string[]>;
  /** Tells work that was turned away before it began: 503 PEC0014, to be repeated soon. */
  isOverload?: (error: unknown) => boolean;
  /** Tells errors of what the process depends on from its own: 503 PEC0014 instead of 500 PEC9999. */
  isDependencyDown?: (error: unknown) => boolean;
  routes: (app: Express) => void;
}

function health(app: Express, { readiness, metrics, isAlive = () => true }: HttpAppOptions): void {
  app.get('/health/live', (_req, res) => {
    const alive = isAlive();
    res.status(alive ? 200 : 503).json({ status: alive ? 'ok' : 'stalled' });
  });
  app.get('/health/ready', async (_req, res) => {
    const names = Object.keys(readiness);
    const results = await Promise.allSettled(Object.values(readiness).map((check) => check()));
    const checks = Object.fromEntries(
      names.map((name, index) => [name, results[index]?.status === 'fulfilled' ? 'ok' : 'failed']),
    );
    const ready = results.every((result) => result.status === 'fulfilled');
    res.status(ready ? 200 : 503).json({ status: ready ? 'ok' : 'failed', checks });
  });
  if (metrics !== undefined) {
    app.get('/metrics', async (_req, res) => {
      res.type('text/plain; version=0.0.4').send(await metrics());
    });
  }
}

/** An express application with request ids, logs, security headers, health and the one error mapping. */
export function createHttpApp(options: HttpAppOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('trust proxy', [...(options.trustedProxies ?? [])]);
  app.use(
    pinoHttp({
      logger: options.log,
      genReqId: (req, res) => {
        const given = req.headers['x-request-id'];
        const id = typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
        res.setHeader('x-request-id', id);
        return id;
      },
      autoLogging: { ignore: (req) => /^\/(health|metrics)/.test(req.url ?? '') },
      // Queries carry payment keys; headers carry credentials. Neither belongs into a log.
      serializers: {
        req: (req: { id: string; method: string; url: string }) => ({
          id: req.id,
          method: req.method,
          path: req.url.split('?')[0],
        }),
        res: (res: { statusCode: number }) => ({ statusCode: res.statusCode }),
      },
    }),
  );
  app.use(
    helmet({
      contentSecurityPolicy: {
        useDefaults: false,
        directives: { defaultSrc: ["'none'"], ...options.contentSecurityPolicy },
      },
      crossOriginOpenerPolicy: { policy: 'same-origin-allow-popups' },
      strictTransportSecurity: false,
    }),
  );
  health(app, options);
  options.routes(app);
  app.use(() => {
    throw new Refusal('PEC0013');
  });
  app.use(answerErrors(options));
  return app;
}

export interface RunningServer {
  port: number;
  /** Takes no new requests, finishes the running ones within 15 s, then ends their connections. */
  close(): Promise<void>;
}

/** @throws Error naming the port when another program listens there */
export async function listen(app: Express, port: number, host: string): Promise<RunningServer> {
  const server: Server = createServer(app);
  const running = new Set<ServerResponse>();
  let isClosing = false;
  server.prependListener('request', (_req, res) => {
    running.add(res);
    res.once('close', () => running.delete(res));
    if (isClosing) res.shouldKeepAlive = false;
  });
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        error.code === 'EADDRINUSE'
          ? new Error(`port ${port} on ${host} is in use by another program`)
          : error,
      );
    });
    server.listen(port, host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        // A client with a busy connection would go on over it: its next answer is the last.
        isClosing = true;
        for (const res of running) res.shouldKeepAlive = false;
        const cutOff = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS);
        server.close(() => {
          clearTimeout(cutOff);
          resolve();
        });
        server.closeIdleConnections();
      }),
  };
}
