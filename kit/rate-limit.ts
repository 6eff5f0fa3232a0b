import type { Request, RequestHandler } from 'express';
import { ipKeyGenerator, rateLimit } from 'express-rate-limit';
import { Refusal } from './refusal';

const WINDOW_MS = 60_000;
/** An IPv6 client has a whole network of addresses: they count as one. */
const IPV6_SUBNET_BITS = 56;
/** Nobody who has a key fails more often by mistake. */
const FAILURES_PER_MINUTE_MAX = 30;
export const passes: RequestHandler = (_req, _res, next) => next();

const limiterOf = (perMinute: number) =>
  rateLimit({
    windowMs: WINDOW_MS,
    limit: perMinute,
    standardHeaders: 'draft-8',
    legacyHeaders: false,
    identifier: 'per-client',
    keyGenerator: (req: Request) => ipKeyGenerator(req.ip ?? '', IPV6_SUBNET_BITS),
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

/**
 * At most `perMinute` failures a minute from one client address, and never more than 30; 0 is no limit. To be asked once
 * something has failed.
 *
 * @throws Refusal PEC0010 with `Retry-After`
 */
export const limitFailures = (perMinute: number): RequestHandler =>
  limitRate(Math.min(perMinute, FAILURES_PER_MINUTE_MAX));
