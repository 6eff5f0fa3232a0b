import { Router } from 'express';
import { z } from 'zod';
import { requireAdmin } from '#kit/admin';
import { answer, jsonBody, otherMethods, parse } from '#kit/http';
import { wonToNumber } from '#kit/money';
import { orderId, paymentOrderNos } from '../payment/parameters';
import { allocateCancel, type AllocateWorld } from './allocate-cancel';

export const allocateBody = z.strictObject({ paymentOrderNos });

const PATH = '/api/payments/:orderId/cancels/:cancelId/allocate';

/** `POST /api/payments/{orderId}/cancels/{cancelId}/allocate`, for administrators. */
export function allocateCancelRoute(world: AllocateWorld & { adminKeys: readonly string[] }): Router {
  return Router()
    .post(PATH, requireAdmin(world.adminKeys), ...jsonBody, async (req, res) => {
      const params = parse(z.object({ orderId, cancelId: z.uuid() }), req.params);
      const body = parse(allocateBody, req.body);
      const cancel = await allocateCancel(world, { ...params, ...body }, req.log);
      answer(res, {
        orderId: cancel.orderId,
        cancelId: cancel.cancelId,
        cancelAmount: wonToNumber(cancel.cancelAmount),
        status: cancel.resultingStatus,
      });
    })
    .all(PATH, otherMethods('POST'));
}
