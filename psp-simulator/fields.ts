import { z } from 'zod';

// Fields that several doors take, with Toss's limits.

export const orderIdField = z.string().regex(/^[A-Za-z0-9_=-]{6,64}$/, '6 to 64 of A-Z a-z 0-9 - _ =');
export const paymentKeyField = z.string().min(1).max(200);
export const orderNameField = z.string().trim().min(1).max(100);
export const cancelReasonField = z.string().trim().min(1).max(200);

/** Whole won, positive; a JSON number beyond exact integers is refused. */
export const amountField = z
  .number()
  .int()
  .positive()
  .transform((amount) => BigInt(amount));
