import { Router, type Request } from 'express';
import { z } from 'zod';
import { tossError } from '../errors';
import { amountField, orderIdField, paymentKeyField } from '../fields';
import { newApproveNo, newTransactionKey } from '../keys';
import { tossApi, type World } from '../toss-api';
import { aborted } from '../transitions';
import { decideConfirm } from './confirm.rules';

// Not strict: Toss ignores fields it does not know.
const confirmSchema = z.object({ paymentKey: paymentKeyField, orderId: orderIdField, amount: amountField });
const namesSchema = z.object({
  paymentKey: z.string().nullable().catch(null),
  orderId: z.string().nullable().catch(null),
});

/** `POST /v1/payments/confirm {paymentKey, orderId, amount}` → Payment. */
export function confirmRoute(world: World): Router {
  const { payments } = world.book;
  const router = Router();
  const paymentOf = (request: Request) => payments.byKey(namesOf(request).paymentKey ?? '');
  router.post(
    '/v1/payments/confirm',
    tossApi(world, {
      operation: 'confirm',
      subject: namesOf,
      decide(request, nowMs) {
        const body = confirmSchema.safeParse(request.body);
        if (!body.success) return { refusal: tossError('INVALID_REQUEST') };
        return decideConfirm(payments.byKey(body.data.paymentKey), body.data, {
          nowMs,
          sessionMs: world.sessionMs,
          transactionKey: newTransactionKey(),
          approveNo: newApproveNo(),
        });
      },
      refused(request, error) {
        const payment = paymentOf(request);
        return payment?.status === 'IN_PROGRESS' ? aborted(payment, error) : undefined;
      },
    }),
  );
  return router;
}

function namesOf(request: Request): { paymentKey: string | null; orderId: string | null } {
  const names = namesSchema.safeParse(request.body);
  return names.success ? names.data : { paymentKey: null, orderId: null };
}
