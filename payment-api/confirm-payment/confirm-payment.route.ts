import { Router, type Request } from 'express';
import { z } from 'zod';
import { answer, jsonBody, otherMethods, parse } from '#kit/http';
import { wonFromText, wonToNumber } from '#kit/money';
import { traceparentOf } from '#kit/trace-context';
import { orderId } from '../payment/parameters';
import { confirmPayment, type ConfirmWorld } from './confirm-payment';

/** 6000, "6000" and "6000.00" are the same; anything with a fraction of a won is not an amount. */
const amount = z
  .union([z.int().nonnegative().transform(String), z.string().max(20)], 'must be an amount of whole won')
  .transform((text, context) => {
    try {
      const won = wonFromText(text);
      if (won > 0n) return won;
    } catch {
      // Falls through to the issue below.
    }
    context.addIssue({ code: 'custom', message: 'must be an amount of whole won' });
    return z.NEVER;
  });

export const confirmBody = z.strictObject({
  paymentKey: z
    .string()
    .min(1)
    .max(200)
    .regex(/^[\x21-\x7e]+$/, 'must be printable ASCII'),
  orderId,
  amount,
});

/** `POST /api/payments/confirm` */
export function confirmPaymentRoute(world: ConfirmWorld): Router {
  return Router()
    .post('/api/payments/confirm', ...jsonBody, async (req: Request, res) => {
      const body = parse(confirmBody, req.body);
      const payment = await confirmPayment(
        world,
        { ...body, traceparent: traceparentOf(req.headers['traceparent']) },
        req.log,
      );
      answer(res, {
        orderId: payment.orderId,
        paymentKey: payment.paymentKey,
        status: payment.status,
        amount: wonToNumber(payment.totalAmount),
        approvedAt: payment.approvedAt,
      });
    })
    .all('/api/payments/confirm', otherMethods('POST'));
}
