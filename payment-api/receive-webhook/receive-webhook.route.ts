import { Router } from 'express';
import { z } from 'zod';
import { answer, jsonBody, otherMethods, parse } from '#kit/http';
import type { Database } from '#prisma/database';
import { orderId } from '../payment/parameters';
import { tossStatus } from '../toss/toss-payment';
import { statusesWorthALook } from './receive-webhook.rules';
import { requestCheck } from './receive-webhook.store';

/** What is read of `PAYMENT_STATUS_CHANGED`; the rest of the Payment object is ignored, for it is unsigned. */
export const webhookBody = z.looseObject({
  eventType: z.literal('PAYMENT_STATUS_CHANGED'),
  createdAt: z.string().max(40),
  data: z.looseObject({ orderId, paymentKey: z.string().min(1).max(200), status: tossStatus }),
});

/**
 * `POST /api/webhooks/toss`: unsigned, so a hint to look and nothing more. The PSP is not asked here. An order that we do
 * not know gets the same answer: whoever asks learns nothing.
 */
export function receiveWebhookRoute({ db }: { db: Database }): Router {
  return Router()
    .post('/api/webhooks/toss', ...jsonBody, async (req, res) => {
      const { data } = parse(webhookBody, req.body);
      await requestCheck(db, data.orderId, statusesWorthALook(data.status));
      answer(res, null);
    })
    .all('/api/webhooks/toss', otherMethods('POST'));
}
