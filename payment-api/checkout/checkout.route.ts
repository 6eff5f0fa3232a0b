import type { RequestHandler, Router } from 'express';
import { endpoint } from '#kit/endpoint';
import { answer } from '#kit/http';
import { wonToNumber } from '#kit/money';
import { checkout, type CheckoutWorld } from './checkout';
import { checkoutOperation } from './checkout.operation';

/** `POST /api/payments/checkout` */
export function checkoutRoute(world: CheckoutWorld, rateLimit: RequestHandler): Router {
  return endpoint(checkoutOperation, { rateLimit }, async ({ headers, body }, _req, res) => {
    const { order, isReplay } = await checkout(world, {
      productNos: body.productNos,
      idempotencyKey: headers['Idempotency-Key'] ?? null,
    });
    if (isReplay) res.set('Idempotent-Replayed', 'true');
    answer(
      res,
      { orderId: order.orderId, orderName: order.orderName, amount: wonToNumber(order.amount) },
      checkoutOperation.answer.http,
    );
  });
}
