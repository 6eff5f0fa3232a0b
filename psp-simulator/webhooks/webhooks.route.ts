import { Router } from 'express';
import { checked } from '../check';
import { type Webhooks, webhookSchema } from './webhooks';

/** Where webhooks go, how they misbehave, and what became of them. */
export function webhooksRoute(webhooks: Webhooks): Router {
  const router = Router();
  router.put('/simulator/webhooks', (request, response) => {
    webhooks.set(checked(webhookSchema, request.body));
    response.json(webhooks.state());
  });
  router.get('/simulator/webhooks', (_request, response) => {
    response.json(webhooks.state());
  });
  return router;
}
