import type { Won } from '#kit/money';

export type PaymentStatus =
  'NOT_STARTED' | 'EXECUTING' | 'SUCCESS' | 'FAILURE' | 'UNKNOWN' | 'PARTIAL_CANCELED' | 'CANCELED';

/** A line is canceled whole. */
export type PaymentLineStatus = Exclude<PaymentStatus, 'PARTIAL_CANCELED'>;

export type CancelStatus = 'REQUESTED' | 'EXECUTING' | 'SUCCESS' | 'FAILURE' | 'UNKNOWN' | 'UNALLOCATED';

/** Who moved a payment; stands in every history row. */
export type ChangedBy = 'confirm' | 'recovery' | 'cancel' | 'webhook-lookup' | 'reconcile' | 'admin';

/** A row of `payment_events`, as the rules see it. */
export interface Payment {
  no: bigint;
  orderId: string;
  orderName: string;
  currency: string;
  totalAmount: Won;
  status: PaymentStatus;
  paymentKey: string | null;
  approvedAt: Date | null;
  /** Present while an attempt, or a look of recovery, holds the payment. */
  claimToken: string | null;
  /** Attempts to confirm at the PSP so far; part of the idempotency key of each. */
  attempt: number;
  failure: { code: string; message: string } | null;
  lastEventSeq: number;
  isWalletDone: boolean;
}

/** A row of `payment_orders`: one product of the order, which one seller is to be paid for. */
export interface PaymentLine {
  no: bigint;
  productNo: bigint;
  sellerNo: bigint;
  amount: Won;
  status: PaymentLineStatus;
}

/** A payment that an attempt holds, with the order's lines. */
export interface ClaimedPayment extends Payment {
  lines: readonly PaymentLine[];
}

/** A row of `payment_cancels`. */
export interface Cancel {
  no: bigint;
  cancelId: string;
  paymentNo: bigint;
  orderId: string;
  status: CancelStatus;
  cancelAmount: Won;
  /** What was left at the PSP before it. */
  refundableAmount: Won;
  reason: string;
  transactionKey: string | null;
  canceledAt: Date | null;
  resultingStatus: 'PARTIAL_CANCELED' | 'CANCELED' | null;
  eventSeq: number | null;
  claimToken: string | null;
  /** Idempotency keys used at the PSP so far. */
  attempt: number;
  failedCount: number;
  failure: { code: string; message: string } | null;
  bodyHash: string | null;
}
