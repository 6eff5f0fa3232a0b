import { z } from 'zod';
import { operation } from '#kit/endpoint';
import { orderId, paymentOrderNos, paymentStatus, wonView } from '../payment/parameters';

export const allocateOperation = operation({
  id: 'allocateCancel',
  method: 'post',
  path: '/api/payments/{orderId}/cancels/{cancelId}/allocate',
  tag: 'administration',
  summary: 'Say which lines a cancel of the back office was for',
  description:
    "A partial cancel made in the PSP's back office names an amount and no lines. Until it is allocated no seller is debited for it.",
  access: 'admin',
  input: {
    params: z.object({ orderId, cancelId: z.uuid() }),
    body: z.strictObject({ paymentOrderNos }),
  },
  answer: {
    http: 200,
    description: 'Allocated: the lines are canceled, and their sellers will be debited.',
    data: z.object({
      orderId,
      cancelId: z.uuid(),
      cancelAmount: wonView,
      status: paymentStatus.nullable(),
    }),
  },
  refusals: ['PEC0002', 'PEC0003', 'PEC0011'],
});
