import { z } from 'zod';
import { operation } from '#kit/endpoint';
import { orderId, paymentStatus, timeView, wonView } from '../payment/parameters';

const line = z.object({
  paymentOrderNo: z.int(),
  productNo: z.int(),
  name: z.string(),
  sellerNo: z.int(),
  amount: wonView,
  status: paymentStatus,
});

const cancel = z.object({
  cancelId: z.uuid(),
  cancelAmount: wonView,
  cancelReason: z.string(),
  status: z.enum(['REQUESTED', 'EXECUTING', 'SUCCESS', 'FAILURE', 'UNKNOWN', 'UNALLOCATED']),
  canceledAt: timeView.nullable(),
  paymentOrderNos: z.array(z.int()),
});

export const showPaymentOperation = operation({
  id: 'showPayment',
  method: 'get',
  path: '/api/payments/{orderId}',
  tag: 'payments',
  summary: 'How an order stands',
  description:
    'Whoever knows the order id may see it: it has at least 122 random bits. `isWalletDone` says that everything published for the order so far has been settled.',
  access: 'public',
  input: { params: z.object({ orderId }) },
  answer: {
    http: 200,
    description: 'The order, its lines and its cancels.',
    data: z.object({
      orderId,
      orderName: z.string(),
      amount: wonView,
      status: paymentStatus,
      isPaymentDone: z.boolean(),
      isWalletDone: z.boolean(),
      approvedAt: timeView.nullable(),
      failure: z.object({ code: z.string(), message: z.string() }).nullable(),
      paymentOrderList: z.array(line),
      cancels: z.array(cancel),
    }),
  },
  refusals: ['PEC0003'],
});
