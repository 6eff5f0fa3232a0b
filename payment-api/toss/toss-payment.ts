import { z } from 'zod';
import type { Won } from '#kit/money';

export const tossStatus = z.enum([
  'READY',
  'IN_PROGRESS',
  'WAITING_FOR_DEPOSIT',
  'DONE',
  'CANCELED',
  'PARTIAL_CANCELED',
  'ABORTED',
  'EXPIRED',
]);

/** What this project reads of Toss's Payment object (docs.tosspayments.com/reference#payment-객체). */
const wireShape = z.looseObject({
  paymentKey: z.string().min(1).max(200),
  orderId: z.string().min(1).max(64),
  status: tossStatus,
  currency: z.string(),
  totalAmount: z.int().nonnegative(),
  balanceAmount: z.int().nonnegative().optional(),
  approvedAt: z.string().nullish(),
  cancels: z
    .array(
      z.looseObject({
        transactionKey: z.string().min(1).max(200),
        cancelAmount: z.int().nonnegative(),
        refundableAmount: z.int().nonnegative(),
        cancelReason: z.string().nullish(),
        canceledAt: z.string(),
      }),
    )
    .nullish(),
});

/** Money that went back: one entry of the Payment object's `cancels`. */
export interface TossCancel {
  /** The PSP's name for it. */
  transactionKey: string;
  cancelAmount: Won;
  /** What was left after it. */
  refundableAmount: Won;
  reason: string;
  canceledAt: Date;
}

export interface TossPayment {
  paymentKey: string;
  orderId: string;
  status: z.output<typeof wireShape>['status'];
  currency: string;
  totalAmount: Won;
  /** What was not given back. */
  balanceAmount: Won;
  approvedAt: Date | null;
  /** In the PSP's order. */
  cancels: TossCancel[];
  /** The answer as it came, for `psp_raw_data`. */
  raw: string;
}

/** @returns `undefined` when the body is not a Payment object */
export function readTossPayment(body: unknown, raw: string): TossPayment | undefined {
  const result = wireShape.safeParse(body);
  if (!result.success) return undefined;
  const { paymentKey, orderId, status, currency, totalAmount, balanceAmount, approvedAt } = result.data;
  const approved = approvedAt === null || approvedAt === undefined ? null : new Date(approvedAt);
  if (approved !== null && Number.isNaN(approved.getTime())) return undefined;
  const cancels = (result.data.cancels ?? []).map((cancel) => ({
    transactionKey: cancel.transactionKey,
    cancelAmount: BigInt(cancel.cancelAmount),
    refundableAmount: BigInt(cancel.refundableAmount),
    reason: cancel.cancelReason ?? '',
    canceledAt: new Date(cancel.canceledAt),
  }));
  if (cancels.some(({ canceledAt }) => Number.isNaN(canceledAt.getTime()))) return undefined;
  return {
    paymentKey,
    orderId,
    status,
    currency,
    totalAmount: BigInt(totalAmount),
    balanceAmount: BigInt(balanceAmount ?? totalAmount),
    approvedAt: approved,
    cancels,
    raw,
  };
}
