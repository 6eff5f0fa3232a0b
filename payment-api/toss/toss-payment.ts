import { z } from 'zod';
import type { Won } from '#kit/money';

/** What this project reads of Toss's Payment object (docs.tosspayments.com/reference#payment-객체). */
const wireShape = z.looseObject({
  paymentKey: z.string().min(1).max(200),
  orderId: z.string().min(1).max(64),
  status: z.enum([
    'READY',
    'IN_PROGRESS',
    'WAITING_FOR_DEPOSIT',
    'DONE',
    'CANCELED',
    'PARTIAL_CANCELED',
    'ABORTED',
    'EXPIRED',
  ]),
  currency: z.string(),
  totalAmount: z.int().nonnegative(),
  approvedAt: z.string().nullish(),
});

export interface TossPayment {
  paymentKey: string;
  orderId: string;
  status: z.output<typeof wireShape>['status'];
  currency: string;
  totalAmount: Won;
  approvedAt: Date | null;
  /** The answer as it came, for `psp_raw_data`. */
  raw: string;
}

/** @returns `undefined` when the body is not a Payment object */
export function readTossPayment(body: unknown, raw: string): TossPayment | undefined {
  const result = wireShape.safeParse(body);
  if (!result.success) return undefined;
  const { paymentKey, orderId, status, currency, totalAmount, approvedAt } = result.data;
  const approved = approvedAt === null || approvedAt === undefined ? null : new Date(approvedAt);
  if (approved !== null && Number.isNaN(approved.getTime())) return undefined;
  return {
    paymentKey,
    orderId,
    status,
    currency,
    totalAmount: BigInt(totalAmount),
    approvedAt: approved,
    raw,
  };
}
