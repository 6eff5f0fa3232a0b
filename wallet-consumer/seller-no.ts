import { Refusal } from '#kit/refusal';

const SELLER_NO = /^[1-9]\d{0,14}$/;

/** A seller's number in a path. @throws Refusal PEC0013: what is no number is no seller either. */
export function sellerNoOf(text: string | string[] | undefined): bigint {
  if (typeof text !== 'string' || !SELLER_NO.test(text)) throw new Refusal('PEC0013');
  return BigInt(text);
}
