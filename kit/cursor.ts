import { z } from 'zod';

const PAGE_SIZE_MAX = 200;
const PAGE_SIZE_DEFAULT = 50;

/** Page size of a listing; a query parameter. */
export const limitParameter = z
  .string()
  .regex(/^\d{1,3}$/, `must be a number from 1 to ${PAGE_SIZE_MAX}`)
  .transform(Number)
  .refine((limit) => limit >= 1 && limit <= PAGE_SIZE_MAX, `must be a number from 1 to ${PAGE_SIZE_MAX}`)
  .default(PAGE_SIZE_DEFAULT);

/** Opaque cursor: the last row's number in base64url. Clients hand back what they were given. */
export const cursorParameter = z
  .string()
  .max(40)
  .transform((text, context) => {
    const decoded = Buffer.from(text, 'base64url').toString('latin1');
    if (/^\d{1,19}$/.test(decoded) && encodeCursor(BigInt(decoded)) === text) return BigInt(decoded);
    context.addIssue({ code: 'custom', message: 'is not a cursor of ours' });
    return z.NEVER;
  })
  .optional();

export function encodeCursor(no: bigint): string {
  return Buffer.from(String(no), 'latin1').toString('base64url');
}
