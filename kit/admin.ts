import { createHash, timingSafeEqual } from 'node:crypto';
import type { RequestHandler } from 'express';
import { NO_FAILURE_LIMIT, type FailureLimit } from './rate-limit';
import { Refusal } from './refusal';

/** A key that can be guessed is none: what production asks of each. */
export const ADMIN_KEY_CHARACTERS_MIN = 16;

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/**
 * Lets requests with one of the keys through: `Authorization: Bearer KEY`. Every key is compared, in constant time;
 * several at once make a rotation possible. Keys are not to be guessed: who has shown too many wrong ones is refused
 * before his next one is looked at.
 *
 * @throws Refusal PEC0009, PEC0010
 */
export function requireAdmin(
  keys: readonly string[],
  failures: FailureLimit = NO_FAILURE_LIMIT,
): RequestHandler {
  const expected = keys.map(digest);
  return async (req, res, next) => {
    await failures.check(req);
    const [, presented = ''] = /^Bearer (.+)$/.exec(req.headers.authorization ?? '') ?? [];
    const actual = digest(presented);
    let matches = false;
    for (const key of expected) matches = timingSafeEqual(key, actual) || matches;
    if (presented === '' || !matches) {
      await failures.count(req, res);
      res.set('WWW-Authenticate', 'Bearer');
      throw new Refusal('PEC0009');
    }
    next();
  };
}
