import { Router } from 'express';
import { z } from 'zod';
import { answer, jsonBody, otherMethods, parse } from '#kit/http';
import { wonToNumber } from '#kit/money';
import { idempotencyKey } from '../payment/parameters';
import { checkout, type CheckoutWorld } from './checkout';

const PRODUCTS_MAX = 100;

export const checkoutBody = z.strictObject({
  productNos: z.array(z.int().positive()).min(1).max(PRODUCTS_MAX),
});

/** `POST /api/payments/checkout` */
export function checkoutRoute(world: CheckoutWorld): Router {
  return Router()
    .post('/api/payments/checkout', ...jsonBody, async (req, res) => {
      const { productNos } = parse(checkoutBody, req.body);
      const { 'Idempotency-Key': key } = parse(z.object({ 'Idempotency-Key': idempotencyKey.optional() }), {
        'Idempotency-Key': req.get('Idempotency-Key'),
      });
      const { order, isReplay } = await checkout(world, { productNos, idempotencyKey: key ?? null });
      if (isReplay) res.set('Idempotent-Replayed', 'true');
      answer(
        res,
        { orderId: order.orderId, orderName: order.orderName, amount: wonToNumber(order.amount) },
        201,
      );
    })
    .all('/api/payments/checkout', otherMethods('POST'));
}
