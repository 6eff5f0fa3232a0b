import { createHash, timingSafeEqual } from 'node:crypto';
import type { RequestHandler } from 'express';
import { Refusal } from './refusal';

/** A key that can be guessed is none: what production asks of each. */
export const ADMIN_KEY_CHARACTERS_MIN = 16;

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/**
 * Lets requests with one of the keys through: `Authorization: Bearer KEY`. Every key is compared, in constant time;
 * several at once make a rotation possible.
 *
 * @throws Refusal PEC0009
 */
export function requireAdmin(keys: readonly string[]): RequestHandler {
  const expected = keys.map(digest);
  return (req, res, next) => {
    const [, presented = ''] = /^Bearer (.+)$/.exec(req.headers.authorization ?? '') ?? [];
    const actual = digest(presented);
    let matches = false;
    for (const key of expected) matches = timingSafeEqual(key, actual) || matches;
    if (presented === '' || !matches) {
      res.set('WWW-Authenticate', 'Bearer');
      throw new Refusal('PEC0009');
    }
    next();
  };
}
