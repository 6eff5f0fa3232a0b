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
