import { z } from 'zod';
import { Refusal } from '#kit/refusal';

const SELLER_NO = /^[1-9]\d{0,14}$/;

/** A seller's number in a path, as it came. */
export const sellerParams = z.object({
  sellerNo: z.string().meta({ description: "A seller's number; what is none is not found." }),
});

/** A seller's number in a path. @throws Refusal PEC0013: what is no number is no seller either. */
export function sellerNoOf(text: string): bigint {
  if (!SELLER_NO.test(text)) throw new Refusal('PEC0013');
  return BigInt(text);
}
