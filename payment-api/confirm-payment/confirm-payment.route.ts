import type { RequestHandler, Router } from 'express';
import { endpoint } from '#kit/endpoint';
import { answer } from '#kit/http';
import { wonToNumber } from '#kit/money';
import { traceparentOf } from '#kit/trace-context';
import { confirmPayment, type ConfirmWorld } from './confirm-payment';
import { confirmOperation } from './confirm-payment.operation';

/** `POST /api/payments/confirm` */
export function confirmPaymentRoute(world: ConfirmWorld, rateLimit: RequestHandler): Router {
  return endpoint(confirmOperation, { rateLimit }, async ({ body }, req, res) => {
    const command = { ...body, traceparent: traceparentOf(req.headers['traceparent']) };
    const payment = await confirmPayment(world, command, req.log);
    answer(res, {
      orderId: payment.orderId,
      paymentKey: payment.paymentKey,
      status: payment.status,
      amount: wonToNumber(payment.totalAmount),
      approvedAt: payment.approvedAt,
    });
  });
}
