import { z } from 'zod';
import { operation } from '#kit/endpoint';
import { idempotencyKey, ORDER_LINKS, orderId, REPLAYED_HEADER, wonView } from '../payment/parameters';

const PRODUCTS_MAX = 100;

export const checkoutOperation = operation({
  id: 'checkout',
  method: 'post',
  path: '/api/payments/checkout',
  tag: 'payments',
  summary: 'Write an order down',
  description:
    'Fixes what is bought and for how much, before a payment window opens. Nothing is charged. With an `Idempotency-Key` the same request again finds the same order.',
  access: 'public',
  isRateLimited: true,
  input: {
    headers: z.object({ 'Idempotency-Key': idempotencyKey.optional() }),
    body: z.strictObject({
      productNos: z
        .array(z.int().positive())
        .min(1)
        .max(PRODUCTS_MAX)
        .meta({
          description: 'One line per entry: the same product twice makes two.',
          examples: [[1, 2, 3]],
        }),
    }),
  },
  answer: {
    http: 201,
    description: 'The order, not paid yet.',
    data: z.object({ orderId, orderName: z.string(), amount: wonView }),
    headers: REPLAYED_HEADER,
    links: ORDER_LINKS,
  },
  refusals: ['PEC0001', 'PEC0012'],
});
