import type { RequestHandler, Router } from 'express';
import { createGatherer } from '#kit/batch-gatherer';
import { endpoint } from '#kit/endpoint';
import { answer } from '#kit/http';
import type { Database } from '#prisma/database';
import { webhookOperation } from './receive-webhook.operation';
import { statusesWorthALook } from './receive-webhook.rules';
import { requestChecks, type Hint } from './receive-webhook.store';

const BATCH_SIZE_MAX = 100;
const BATCH_SPACING_MS = 200;

/**
 * `POST /api/webhooks/toss`: unsigned, so a hint to look and nothing more. The PSP is not asked here. An order that we do
 * not know gets the same answer: whoever asks learns nothing.
 */
export function receiveWebhookRoute({ db }: { db: Database }, rateLimit: RequestHandler): Router {
  // The PSP sends two for each purchase, and waits 10 s for the answer: some of them are looked up together.
  const check = createGatherer<Hint>({
    batchSizeMax: BATCH_SIZE_MAX,
    spacingMs: BATCH_SPACING_MS,
    handle: (hints) => requestChecks(db, hints),
  });
  return endpoint(webhookOperation, { rateLimit }, async ({ body: { data } }, _req, res) => {
    await check([{ orderId: data.orderId, statuses: statusesWorthALook(data.status) }]);
    answer(res, null);
  });
}
