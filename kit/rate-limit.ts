import type { RequestHandler } from 'express';
import { rateLimit } from 'express-rate-limit';
import { Refusal } from './refusal';

const WINDOW_MS = 60_000;
/** An IPv6 client has a whole network of addresses: they count as one. */
const IPV6_SUBNET_BITS = 56;
const passes: RequestHandler = (_req, _res, next) => next();

/**
 * At most `perMinute` requests a minute from one client address; 0 is no limit. Counted in this process alone. Each call
 * makes a counter of its own, so that routes do not share one.
 *
 * @throws Refusal PEC0010 with `Retry-After`
 */
export function limitRate(perMinute: number): RequestHandler {
  if (perMinute === 0) return passes;
  const limiter = rateLimit({
    windowMs: WINDOW_MS,
    limit: perMinute,
    standardHeaders: 'draft-8',
    legacyHeaders: false,
    identifier: 'per-client',
    ipv6Subnet: IPV6_SUBNET_BITS,
    // Whether a proxy may speak for its clients is said by TRUSTED_PROXIES, not guessed from a header anybody can send.
    validate: { xForwardedForHeader: false, forwardedHeader: false },
    handler: (_req, res, next) => {
      const seconds = Number(res.getHeader('Retry-After'));
      next(
        new Refusal('PEC0010', { retryAfterSeconds: Number.isFinite(seconds) && seconds > 0 ? seconds : 60 }),
      );
    },
  });
  return limiter;
}
