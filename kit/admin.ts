import { createHash, timingSafeEqual } from 'node:crypto';
import type { RequestHandler } from 'express';
import { passes } from './rate-limit';
import { Refusal } from './refusal';

/** A key that can be guessed is none: what production asks of each. */
export const ADMIN_KEY_CHARACTERS_MIN = 16;

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/**
 * Lets requests with one of the keys through: `Authorization: Bearer KEY`. Every key is compared, in constant time;
 * several at once make a rotation possible. Wrong keys are limited by client address. A right one is not: where many
 * clients come from one address, one of them could otherwise lock the administrators out, and a key of 16 characters is
 * not found by asking.
 *
 * @throws Refusal PEC0009, PEC0010
 */
export function requireAdmin(
  keys: readonly string[],
  limitOfFailures: RequestHandler = passes,
): RequestHandler {
  const expected = keys.map(digest);
  return async (req, res, next) => {
    const [, presented = ''] = /^Bearer (.+)$/.exec(req.headers.authorization ?? '') ?? [];
    const actual = digest(presented);
    let matches = false;
    for (const key of expected) matches = timingSafeEqual(key, actual) || matches;
    if (presented !== '' && matches) return next();
    await limitOfFailures(req, res, (refused?: unknown) => {
      if (refused !== undefined) return next(refused);
      res.set('WWW-Authenticate', 'Bearer');
      next(new Refusal('PEC0009'));
    });
  };
}
