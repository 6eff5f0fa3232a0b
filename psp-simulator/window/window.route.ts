import { Router, urlencoded, type Request, type Response } from 'express';
import { BadRequest, checked } from '../check';
import { tossError } from '../errors';
import { newPaymentKey } from '../keys';
import type { World } from '../toss-api';
import { aborted, authenticated, requestedPayment } from '../transitions';
import { STYLE_SOURCE, badRequestPage, windowPage } from './window.page';
import { formTargets, windowSchema, withParameters, type WindowRequest } from './window.rules';

/**
 * The page a shopper pays on: `/window?orderId&amount&orderName&successUrl&failUrl`. Paying leads to the
 * successUrl with `paymentType, orderId, paymentKey, amount`, all else to the failUrl with `code, message,
 * orderId`.
 */
export function windowRoute(world: World, allowedOrigins: readonly string[]): Router {
  const router = Router();
  const schema = windowSchema(allowedOrigins);
  const form = urlencoded({ extended: false, limit: '16kb' });

  router.get('/window', (request, response) => {
    const asked = read(() => checked(schema, request.query), response);
    if (asked === undefined) return;
    html(response, formTargets(asked)).send(windowPage(asked));
  });

  const onForm = (path: string, leave: (asked: WindowRequest) => Promise<string>) => {
    router.post(path, form, async (request: Request, response: Response) => {
      const asked = read(() => checked(schema, request.body ?? {}), response);
      if (asked === undefined) return;
      const target = await leave(asked);
      html(response, formTargets(asked)).redirect(303, target);
    });
  };

  const newPayment = ({ orderId, orderName, amount }: WindowRequest) => {
    const nowMs = world.clock().getTime();
    return requestedPayment({ paymentKey: newPaymentKey(nowMs), orderId, orderName, amount, nowMs });
  };

  onForm('/window/pay', async (asked) => {
    const requested = newPayment(asked);
    const payment = authenticated(requested, requested.requestedAtMs);
    await world.book.commit({ payment });
    world.webhooks.notify(payment);
    return withParameters(asked.successUrl, {
      paymentType: 'NORMAL',
      orderId: asked.orderId,
      paymentKey: payment.paymentKey,
      amount: String(asked.amount),
    });
  });

  onForm('/window/decline', async (asked) => {
    const error = tossError('REJECT_CARD_COMPANY');
    const payment = aborted(newPayment(asked), error);
    await world.book.commit({ payment });
    world.webhooks.notify(payment);
    return withParameters(asked.failUrl, {
      code: error.code,
      message: error.message,
      orderId: asked.orderId,
    });
  });

  onForm('/window/close', async (asked) => {
    const { code, message } = tossError('PAY_PROCESS_CANCELED');
    return withParameters(asked.failUrl, { code, message, orderId: asked.orderId });
  });

  return router;
}

/** @returns undefined when the request was malformed and has been answered with a page that says so. */
function read(parse: () => WindowRequest, response: Response): WindowRequest | undefined {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof BadRequest)) throw error;
    html(response, "'none'").status(400).send(badRequestPage(error.issues));
    return undefined;
  }
}

function html(response: Response, formAction: string): Response {
  return response.type('html').set({
    'Content-Security-Policy':
      `default-src 'none'; style-src ${STYLE_SOURCE}; img-src data:; form-action ${formAction}; ` +
      "base-uri 'none'; frame-ancestors 'none'",
    'Cache-Control': 'no-store',
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
  });
}
