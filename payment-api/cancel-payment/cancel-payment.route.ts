import type { RequestHandler, Router } from 'express';
import { endpoint } from '#kit/endpoint';
import { answer } from '#kit/http';
import { wonToNumber } from '#kit/money';
import { traceparentOf } from '#kit/trace-context';
import { cancelPayment, type CancelWorld } from './cancel-payment';
import { cancelOperation } from './cancel-payment.operation';

/** `POST /api/payments/{orderId}/cancel`, for administrators. */
export function cancelPaymentRoute(world: CancelWorld, admin: RequestHandler): Router {
  return endpoint(cancelOperation, { admin }, async ({ params, headers, body }, req, res) => {
    const { canceled, isReplay } = await cancelPayment(
      world,
      {
        orderId: params.orderId,
        cancelReason: body.cancelReason,
        paymentOrderNos: body.paymentOrderNos,
        idempotencyKey: headers['Idempotency-Key'],
        traceparent: traceparentOf(req.headers['traceparent']),
      },
      req.log,
    );
    if (isReplay) res.set('Idempotent-Replayed', 'true');
    answer(res, { ...canceled, cancelAmount: wonToNumber(canceled.cancelAmount) });
  });
}
