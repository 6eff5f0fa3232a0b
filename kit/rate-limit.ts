import type { Request, RequestHandler, Response } from 'express';
import { ipKeyGenerator, rateLimit } from 'express-rate-limit';
import { Refusal } from './refusal';

const WINDOW_MS = 60_000;
const MS_PER_S = 1_000;
/** An IPv6 client has a whole network of addresses: they count as one. */
const IPV6_SUBNET_BITS = 56;
/** Nobody who has a key fails more often by mistake. */
const FAILURES_PER_MINUTE_MAX = 30;
const passes: RequestHandler = (_req, _res, next) => next();

const clientOf = (req: Request): string => ipKeyGenerator(req.ip ?? '', IPV6_SUBNET_BITS);

const limiterOf = (perMinute: number) =>
  rateLimit({
    windowMs: WINDOW_MS,
    limit: perMinute,
    standardHeaders: 'draft-8',
    legacyHeaders: false,
    identifier: 'per-client',
    keyGenerator: clientOf,
    // Whether a proxy may speak for its clients is said by TRUSTED_PROXIES, not guessed from a header anybody can send.
    validate: { xForwardedForHeader: false, forwardedHeader: false },
    handler: (_req, res, next) => {
      const seconds = Number(res.getHeader('Retry-After'));
      next(
        new Refusal('PEC0010', { retryAfterSeconds: Number.isFinite(seconds) && seconds > 0 ? seconds : 60 }),
      );
    },
  });

/**
 * At most `perMinute` requests a minute from one client address; 0 is no limit. Counted in this process alone. Each call
 * makes a counter of its own, so that routes do not share one.
 *
 * @throws Refusal PEC0010 with `Retry-After`
 */
export const limitRate = (perMinute: number): RequestHandler =>
  perMinute === 0 ? passes : limiterOf(perMinute);

/** Counts what a client address fails at; what succeeds is not counted. */
export interface FailureLimit {
  /** @throws Refusal PEC0010 with `Retry-After` when the request's client has failed too often */
  check(req: Request): Promise<void>;
  /** The request has failed. */
  count(req: Request, res: Response): Promise<void>;
}

export const NO_FAILURE_LIMIT: FailureLimit = { check: async () => {}, count: async () => {} };

/** At most `perMinute` failures a minute from one client address, and never more than 30; 0 is no limit. */
export function limitFailures(perMinute: number): FailureLimit {
  if (perMinute === 0) return NO_FAILURE_LIMIT;
  const failuresMax = Math.min(perMinute, FAILURES_PER_MINUTE_MAX);
  const limiter = limiterOf(failuresMax);
  return {
    async check(req) {
      const { totalHits = 0, resetTime } = (await limiter.getKey(clientOf(req))) ?? {};
      const leftMs = (resetTime?.getTime() ?? 0) - Date.now();
      if (totalHits >= failuresMax && leftMs > 0)
        throw new Refusal('PEC0010', { retryAfterSeconds: Math.ceil(leftMs / MS_PER_S) });
    },
    async count(req, res) {
      await limiter(req, res, () => {});
    },
  };
}
