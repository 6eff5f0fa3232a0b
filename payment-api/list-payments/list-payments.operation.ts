import { z } from 'zod';
import { cursorParameter, limitParameter } from '#kit/cursor';
import { operation } from '#kit/endpoint';
import { orderId, paymentStatus, timeView, wonView } from '../payment/parameters';

const line = z.object({
  paymentOrderNo: z.int(),
  orderId,
  amount: wonView,
  status: paymentStatus,
  productNo: z.int(),
  productId: z.string(),
  name: z.string(),
  price: wonView,
  sellerNo: z.int(),
});

export const listPaymentsOperation = operation({
  id: 'listPayments',
  method: 'get',
  path: '/api/payments',
  tag: 'administration',
  summary: 'Payments, newest first',
  access: 'admin',
  input: {
    query: z.strictObject({
      limit: limitParameter,
      cursor: cursorParameter,
      status: paymentStatus.optional(),
      orderId: orderId.optional().meta({ description: 'The payment of this order, or none.' }),
    }),
  },
  answer: {
    http: 200,
    description: 'A page. `nextCursor` leads to the next one; it is null on the last.',
    data: z.object({
      paymentEventList: z.array(
        z.object({
          paymentEventNo: z.int(),
          paymentKey: z.string().nullable(),
          orderId,
          orderName: z.string(),
          method: z.string().nullable(),
          type: z.string().nullable(),
          status: paymentStatus,
          approvedDateTime: timeView.nullable(),
          isPaymentDone: z.boolean(),
          isWalletDone: z.boolean(),
          totalAmount: wonView,
          paymentOrderList: z.array(line),
        }),
      ),
      nextCursor: z.string().nullable(),
    }),
  },
  refusals: [],
});
