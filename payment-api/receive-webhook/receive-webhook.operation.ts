import { z } from 'zod';
import { operation } from '#kit/endpoint';
import { orderId, paymentKey } from '../payment/parameters';
import { tossStatus } from '../toss/toss-payment';

export const webhookOperation = operation({
  id: 'receiveTossWebhook',
  method: 'post',
  path: '/api/webhooks/toss',
  tag: 'webhooks',
  summary: "Toss's PAYMENT_STATUS_CHANGED",
  description:
    'Unsigned, so a hint and nothing more: it makes a later look at the PSP due sooner. An order that is not known gets the same answer.',
  access: 'public',
  isRateLimited: true,
  input: {
    // What is read of it; the rest of the Payment object is ignored.
    body: z.looseObject({
      eventType: z.literal('PAYMENT_STATUS_CHANGED'),
      createdAt: z.string().max(40),
      data: z.looseObject({ orderId, paymentKey, status: tossStatus }),
    }),
  },
  answer: { http: 200, description: 'Taken.', data: z.null() },
  refusals: [],
});
