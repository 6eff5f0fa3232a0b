import { z } from 'zod';
import { operation } from '#kit/endpoint';
import { amount, orderId, paymentKey, paymentStatus, timeView, wonView } from '../payment/parameters';

export const confirmOperation = operation({
  id: 'confirmPayment',
  method: 'post',
  path: '/api/payments/confirm',
  tag: 'payments',
  summary: 'Charge an order that the shopper has authenticated',
  description:
    'Asks the PSP to approve the payment. Safe to repeat: the same request brings the same answer, and no second charge. 202 means that the outcome is not known yet: poll `GET /api/payments/{orderId}`.',
  access: 'public',
  isRateLimited: true,
  input: { body: z.strictObject({ paymentKey, orderId, amount }) },
  answer: {
    http: 200,
    description: 'Paid.',
    data: z.object({
      orderId,
      paymentKey: z.string(),
      status: paymentStatus,
      amount: wonView,
      approvedAt: timeView,
    }),
  },
  refusals: ['PEC0002', 'PEC0003', 'PEC0004', 'PEC0005', 'PEC0006', 'PEC0007'],
});
