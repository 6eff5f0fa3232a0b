import { Router, type Request } from 'express';
import { z } from 'zod';
import { requireAdmin } from '#kit/admin';
import { answer, jsonBody, otherMethods, parse } from '#kit/http';
import { wonToNumber } from '#kit/money';
import { traceparentOf } from '#kit/trace-context';
import { idempotencyKey, orderId, paymentOrderNos } from '../payment/parameters';
import { cancelPayment, type CancelWorld } from './cancel-payment';

const REASON_CHARACTERS_MAX = 200;

export const cancelBody = z.strictObject({
  cancelReason: z.string().trim().min(1).max(REASON_CHARACTERS_MAX),
  paymentOrderNos: paymentOrderNos.optional(),
});

const PATH = '/api/payments/:orderId/cancel';

/** `POST /api/payments/{orderId}/cancel`, for administrators. */
export function cancelPaymentRoute(world: CancelWorld & { adminKeys: readonly string[] }): Router {
  return Router()
    .post(PATH, requireAdmin(world.adminKeys), ...jsonBody, async (req: Request, res) => {
      const params = parse(z.object({ orderId }), req.params);
      const { 'Idempotency-Key': key } = parse(z.object({ 'Idempotency-Key': idempotencyKey }), {
        'Idempotency-Key': req.get('Idempotency-Key'),
      });
      const body = parse(cancelBody, req.body);
      const { canceled, isReplay } = await cancelPayment(
        world,
        {
          orderId: params.orderId,
          cancelReason: body.cancelReason,
          paymentOrderNos: body.paymentOrderNos,
          idempotencyKey: key,
          traceparent: traceparentOf(req.headers['traceparent']),
        },
        req.log,
      );
      if (isReplay) res.set('Idempotent-Replayed', 'true');
      answer(res, { ...canceled, cancelAmount: wonToNumber(canceled.cancelAmount) });
    })
    .all(PATH, otherMethods('POST'));
}
