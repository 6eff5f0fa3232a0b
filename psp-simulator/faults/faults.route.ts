import { Router } from 'express';
import { z } from 'zod';
import { checked } from '../check';
import { type Faults, faultsSchema } from './faults';

const releaseSchema = z.strictObject({ orderId: z.string().min(1).max(64).optional() });

/** Set, show and clear the faults; let held requests go on. */
export function faultsRoute(faults: Faults): Router {
  const router = Router();
  router.put('/simulator/faults', (request, response) => {
    faults.set(checked(faultsSchema, request.body));
    response.json(faults.state());
  });
  router.get('/simulator/faults', (_request, response) => {
    response.json(faults.state());
  });
  router.post('/simulator/release', (request, response) => {
    // No body at all means everything that is held.
    const { orderId } = checked(releaseSchema, request.body ?? {});
    response.json({ released: faults.release(orderId) });
  });
  return router;
}
