import { z } from 'zod';
import { operation } from '#kit/endpoint';
import {
  idempotencyKey,
  orderId,
  paymentOrderNos,
  paymentStatus,
  REPLAYED_HEADER,
  textOfAtMost,
  wonView,
} from '../payment/parameters';

const REASON_CHARACTERS_MAX = 200;

/** What a cancel is answered with. */
export const canceledView = z.object({
  orderId,
  cancelId: z.uuid(),
  cancelAmount: wonView,
  status: paymentStatus.nullable().meta({ description: "The payment's status after it." }),
});

export const cancelOperation = operation({
  id: 'cancelPayment',
  method: 'post',
  path: '/api/payments/{orderId}/cancel',
  tag: 'administration',
  summary: 'Give money back, whole or by lines',
  description:
    'All lines that are left when `paymentOrderNos` is absent. One cancel of a payment at a time. Repeat a request whose answer was lost with the same `Idempotency-Key`.',
  access: 'admin',
  input: {
    params: z.object({ orderId }),
    headers: z.object({ 'Idempotency-Key': idempotencyKey }),
    body: z.strictObject({
      cancelReason: textOfAtMost(REASON_CHARACTERS_MAX),
      paymentOrderNos: paymentOrderNos.optional(),
    }),
  },
  answer: { http: 200, description: 'Given back.', data: canceledView, headers: REPLAYED_HEADER },
  refusals: ['PEC0003', 'PEC0004', 'PEC0005', 'PEC0007', 'PEC0011', 'PEC0012'],
});
