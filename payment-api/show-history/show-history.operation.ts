import { z } from 'zod';
import { operation } from '#kit/endpoint';
import { orderId, paymentStatus, timeView } from '../payment/parameters';

const move = z.object({
  historyNo: z.int(),
  paymentOrderNo: z.int(),
  previousStatus: paymentStatus.nullable(),
  newStatus: paymentStatus,
  changedBy: z.enum(['checkout', 'confirm', 'recovery', 'cancel', 'webhook-lookup', 'reconcile', 'admin']),
  reason: z.string(),
  createdAt: timeView,
});

export const showHistoryOperation = operation({
  id: 'showHistory',
  method: 'get',
  path: '/api/payments/{orderId}/history',
  tag: 'administration',
  summary: 'How the lines of an order moved',
  description: 'Every move of every line: when, from which status to which, by whom and why.',
  access: 'admin',
  input: { params: z.object({ orderId }) },
  answer: {
    http: 200,
    description: 'The moves, oldest first; none for an order that has only been checked out.',
    data: z.object({ orderId, historyList: z.array(move) }),
  },
  refusals: ['PEC0003'],
});
