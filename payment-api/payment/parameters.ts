import { z } from 'zod';

/** Order ids as Toss allows them: 6–64 of `[A-Za-z0-9_=-]`. */
export const orderId = z.string().regex(/^[A-Za-z0-9_=-]{6,64}$/, 'must be 6 to 64 of A-Z a-z 0-9 _ = -');

export const paymentStatus = z.enum([
  'NOT_STARTED',
  'EXECUTING',
  'SUCCESS',
  'FAILURE',
  'UNKNOWN',
  'PARTIAL_CANCELED',
  'CANCELED',
]);

/** 8 to 300 printable ASCII characters without blanks. */
export const idempotencyKey = z
  .string()
  .regex(/^[\x21-\x7e]{8,300}$/, 'must be 8 to 300 printable ASCII characters');

const LINES_MAX = 100;

/** Lines of an order, each once. */
export const paymentOrderNos = z
  .array(z.int().positive())
  .min(1)
  .max(LINES_MAX)
  .refine((nos) => new Set(nos).size === nos.length, 'must name each line once');
