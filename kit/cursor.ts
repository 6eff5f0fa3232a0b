import { z } from 'zod';

const PAGE_SIZE_MAX = 200;
const PAGE_SIZE_DEFAULT = 50;

/** Page size of a listing; a query parameter. */
export const limitParameter = z
  .string()
  .regex(/^([1-9]\d?|1\d\d|200)$/, `must be a number from 1 to ${PAGE_SIZE_MAX}`)
  .transform(Number)
  .default(PAGE_SIZE_DEFAULT)
  .meta({ description: `Page size, 1 to ${PAGE_SIZE_MAX}; ${PAGE_SIZE_DEFAULT} when absent.` });

/** Opaque cursor: the last row's number in base64url. Clients hand back what they were given. */
export const cursorParameter = z
  .string()
  .regex(/^[A-Za-z0-9_-]{2,26}$/, 'is not a cursor of ours')
  .transform((text, context) => {
    const decoded = Buffer.from(text, 'base64url').toString('latin1');
    if (/^\d{1,19}$/.test(decoded) && encodeCursor(BigInt(decoded)) === text) return BigInt(decoded);
    context.addIssue({ code: 'custom', message: 'is not a cursor of ours' });
    return z.NEVER;
  })
  .optional()
  .meta({ description: '`nextCursor` of the page before.' });

export function encodeCursor(no: bigint): string {
  return Buffer.from(String(no), 'latin1').toString('base64url');
}
