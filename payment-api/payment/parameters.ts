import { z } from 'zod';
import { WON_MAX, wonFromText } from '#kit/money';

/** Order ids as Toss allows them: 6–64 of `[A-Za-z0-9_=-]`. */
export const orderId = z.string().regex(/^[A-Za-z0-9_=-]{6,64}$/, 'must be 6 to 64 of A-Z a-z 0-9 _ = -');

/** The PSP's name of a payment. */
export const paymentKey = z
  .string()
  .regex(/^[\x21-\x7e]{1,200}$/, 'must be 1 to 200 printable ASCII characters');

export const paymentStatus = z.enum([
  'NOT_STARTED',
  'EXECUTING',
  'SUCCESS',
  'FAILURE',
  'UNKNOWN',
  'PARTIAL_CANCELED',
  'CANCELED',
]);

const IDEMPOTENCY_KEY = 'must be 8 to 300 printable ASCII characters without blanks';

/** The header `Idempotency-Key`: 8 to 300 printable ASCII characters without blanks. */
export const idempotencyKey = z
  .string(`is required: this header ${IDEMPOTENCY_KEY}`)
  .regex(/^[\x21-\x7e]{8,300}$/, IDEMPOTENCY_KEY);

const WHOLE_WON = 'must be an amount of whole won';

/** 6000, "6000" and "6000.00" are the same; anything with a fraction of a won is not an amount. */
export const amount = z
  .union(
    [z.int().min(1).max(Number(WON_MAX)), z.string().regex(/^[1-9]\d{0,12}(\.0{1,2})?$/, WHOLE_WON)],
    WHOLE_WON,
  )
  .transform((given) => wonFromText(String(given)));

const LINES_MAX = 100;

/** Lines of an order, each once. */
export const paymentOrderNos = z
  .array(z.int().positive())
  .min(1)
  .max(LINES_MAX)
  .refine((nos) => new Set(nos).size === nos.length, 'must name each line once')
  // JSON Schema's word for it; the document is written from here.
  .meta({ uniqueItems: true });

const charactersOf = (text: string): number => Array.from(text).length;

/** Text of at least one visible character; characters are counted as MySQL and JSON Schema do, an emoji as one. */
export const textOfAtMost = (charactersMax: number) =>
  z
    .string()
    .regex(/\S/, 'must not be blank')
    .refine((text) => charactersOf(text) <= charactersMax, `must have at most ${charactersMax} characters`)
    .meta({ minLength: 1, maxLength: charactersMax })
    .transform((text) => text.trim());

/** Whole won in an answer. */
export const wonView = z.int().min(0).meta({ description: 'Whole won.' });

export const timeView = z.iso.datetime();

/** Where OpenAPI finds the order id of an answer. */
const ORDER_ID = '$response.body#/data/orderId';

/** What can be done with an order that an answer names. */
export const ORDER_LINKS = {
  show: { operationId: 'showPayment', parameters: { orderId: ORDER_ID } },
  cancel: { operationId: 'cancelPayment', parameters: { orderId: ORDER_ID } },
};

/** An answer that was given before to the same `Idempotency-Key`. */
export const REPLAYED_HEADER = {
  'Idempotent-Replayed': '`true` when the answer was given before to the same key and body.',
};
