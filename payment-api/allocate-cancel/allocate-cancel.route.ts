import type { RequestHandler, Router } from 'express';
import { endpoint } from '#kit/endpoint';
import { answer } from '#kit/http';
import { wonToNumber } from '#kit/money';
import { allocateCancel, type AllocateWorld } from './allocate-cancel';
import { allocateOperation } from './allocate-cancel.operation';

/** `POST /api/payments/{orderId}/cancels/{cancelId}/allocate`, for administrators. */
export function allocateCancelRoute(world: AllocateWorld, admin: RequestHandler): Router {
  return endpoint(allocateOperation, { admin }, async ({ params, body }, req, res) => {
    const cancel = await allocateCancel(world, { ...params, ...body }, req.log);
    answer(res, {
      orderId: cancel.orderId,
      cancelId: cancel.cancelId,
      cancelAmount: wonToNumber(cancel.cancelAmount),
      status: cancel.resultingStatus,
    });
  });
}
