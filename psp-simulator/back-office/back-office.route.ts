import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import { checked } from '../check';
import { decideCancel } from '../cancel.rules';
import { TossError, tossError } from '../errors';
import { amountField, cancelReasonField, orderIdField, orderNameField } from '../fields';
import { newPaymentKey, newTransactionKey } from '../keys';
import { paymentView } from '../payment.view';
import type { Payment } from '../payments';
import type { World } from '../toss-api';
import { aborted, authenticated, expired, requestedPayment } from '../transitions';

const newPaymentSchema = z.strictObject({
  orderId: orderIdField,
  amount: amountField,
  orderName: orderNameField.default('시뮬레이터 주문'),
  /** READY: the shopper has opened the window, and no more. */
  status: z.enum(['READY', 'IN_PROGRESS']).default('IN_PROGRESS'),
});

const cancelSchema = z.strictObject({
  cancelReason: cancelReasonField.default('상점관리자 취소'),
  cancelAmount: amountField.optional(),
});

const abortSchema = z.strictObject({
  code: z
    .string()
    .regex(/^[A-Z][A-Z0-9_]{0,99}$/)
    .default('REJECT_CARD_COMPANY'),
});

/**
 * What happens to payments without the shop: a shopper authenticates, an operator of the PSP cancels, a
 * session ends.
 */
export function backOfficeRoute(world: World): Router {
  const { book } = world;
  const router = Router();

  const commit = async (payment: Payment): Promise<void> => {
    await book.commit({ payment });
    world.webhooks.notify(payment);
  };
  const paymentOf = (request: Request): Payment => {
    const payment = book.payments.byKey(String(request.params['paymentKey']));
    if (payment === undefined) throw tossError('NOT_FOUND_PAYMENT');
    return payment;
  };
  const show = async (response: Response, payment: Payment): Promise<void> => {
    await commit(payment);
    response.json(paymentView(payment));
  };

  router.post('/simulator/payments', async (request, response) => {
    const { status, ...wanted } = checked(newPaymentSchema, request.body);
    const nowMs = world.clock().getTime();
    const requested = requestedPayment({ ...wanted, paymentKey: newPaymentKey(nowMs), nowMs });
    const payment = status === 'READY' ? requested : authenticated(requested, nowMs);
    await commit(payment);
    response.status(201).json({ paymentKey: payment.paymentKey });
  });

  // The whole book, for whoever audits a run from outside.
  router.get('/simulator/payments', (_request, response) => {
    response.json({ payments: book.payments.all().map(paymentView) });
  });

  router.post('/simulator/payments/:paymentKey/cancel', async (request, response) => {
    const asked = checked(cancelSchema, request.body ?? {});
    const decision = decideCancel(paymentOf(request), asked, {
      nowMs: world.clock().getTime(),
      transactionKey: newTransactionKey(),
      lastCancelAtMs: undefined,
      intervalMs: 0,
    });
    if ('refusal' in decision) throw decision.refusal;
    if (decision.payment !== undefined) await show(response, decision.payment);
  });

  router.post('/simulator/payments/:paymentKey/expire', async (request, response) => {
    const payment = paymentOf(request);
    refuseUnlessOpen(payment);
    await show(response, expired(payment));
  });

  router.post('/simulator/payments/:paymentKey/abort', async (request, response) => {
    const { code } = checked(abortSchema, request.body ?? {});
    const payment = paymentOf(request);
    refuseUnlessOpen(payment);
    await show(response, aborted(payment, new TossError(code)));
  });

  router.get('/simulator/calls', (request, response) => {
    const { orderId } = checked(z.strictObject({ orderId: z.string().min(1).optional() }), request.query);
    response.json({ calls: book.calls.list(orderId) });
  });

  return router;
}

function refuseUnlessOpen(payment: Payment): void {
  if (payment.status !== 'READY' && payment.status !== 'IN_PROGRESS')
    throw tossError('ALREADY_PROCESSED_PAYMENT');
}
