import { Router, type Request } from 'express';
import { tossError } from '../errors';
import type { Payment } from '../payments';
import { paymentView } from '../payment.view';
import { type Decision, tossApi, type World } from '../toss-api';
import { expired, sessionIsOver } from '../transitions';

/** `GET /v1/payments/{paymentKey}` and `GET /v1/payments/orders/{orderId}` → Payment. */
export function lookUpRoute(world: World): Router {
  const { payments } = world.book;
  const router = Router();
  const show = (payment: Payment | undefined, nowMs: number): Decision => {
    if (payment === undefined) return { refusal: tossError('NOT_FOUND_PAYMENT') };
    if (!sessionIsOver(payment, nowMs, world.sessionMs)) return { body: paymentView(payment) };
    // Nothing watches the clock: a payment expires for whoever looks first.
    const over = expired(payment);
    return { body: paymentView(over), payment: over };
  };
  const lookUpBy = (path: string, find: (request: Request) => Payment | undefined, names: Names) => {
    router.get(
      path,
      tossApi(world, {
        operation: 'lookup',
        subject: (request) => {
          const payment = find(request);
          return payment === undefined
            ? names(request)
            : { orderId: payment.orderId, paymentKey: payment.paymentKey };
        },
        decide: (request, nowMs) => show(find(request), nowMs),
      }),
    );
  };
  const parameter = (request: Request, name: string) => String(request.params[name]);
  lookUpBy(
    '/v1/payments/orders/:orderId',
    (request) => payments.byOrder(parameter(request, 'orderId')),
    (request) => ({ orderId: parameter(request, 'orderId'), paymentKey: null }),
  );
  lookUpBy(
    '/v1/payments/:paymentKey',
    (request) => payments.byKey(parameter(request, 'paymentKey')),
    (request) => ({ orderId: null, paymentKey: parameter(request, 'paymentKey') }),
  );
  return router;
}

type Names = (request: Request) => { orderId: string | null; paymentKey: string | null };
