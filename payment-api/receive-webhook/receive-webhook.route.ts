import type { RequestHandler, Router } from 'express';
import { endpoint } from '#kit/endpoint';
import { answer } from '#kit/http';
import type { Database } from '#prisma/database';
import { webhookOperation } from './receive-webhook.operation';
import { statusesWorthALook } from './receive-webhook.rules';
import { requestCheck } from './receive-webhook.store';

/**
 * `POST /api/webhooks/toss`: unsigned, so a hint to look and nothing more. The PSP is not asked here. An order that we do
 * not know gets the same answer: whoever asks learns nothing.
 */
export function receiveWebhookRoute({ db }: { db: Database }, rateLimit: RequestHandler): Router {
  return endpoint(webhookOperation, { rateLimit }, async ({ body: { data } }, _req, res) => {
    await requestCheck(db, data.orderId, statusesWorthALook(data.status));
    answer(res, null);
  });
}
