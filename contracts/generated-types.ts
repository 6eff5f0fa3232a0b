// Generated from records/*.avsc by `npm run contracts -- generate`. Do not edit: a test compares both.

/** A consumer has parked a message that it could not process. The whole message stands in the table dead_letters. */
export interface DeadLettered {
  deadLetterId: string;
  topic: string;
  partition: number;
  offset: number;
  eventId: string;
  eventType: null | string;
  key: null | string;
  /** Why it was parked, for an operator. */
  error: string;
  /** The first 64 KiB of the value. */
  payload: Buffer;
  /** Bytes of the whole value. */
  payloadSize: number;
  parkedAt: Date;
  /** Why it was parked, for a program; the values are those of the column dead_letters.cause. */
  cause: string;
}

export interface CanceledLine {
  paymentOrderNo: number;
  sellerNo: number;
  productNo: number;
  amount: bigint;
}

/** The PSP has given money back; every seller is to be debited its canceled lines. */
export interface PaymentCanceled {
  orderId: string;
  /** The PSP's name for the payment. */
  paymentKey: string;
  /** ISO 4217; KRW. */
  currency: string;
  cancelId: string;
  cancelAmount: bigint;
  canceledAt: Date;
  lines: CanceledLine[];
}

export interface PaymentLine {
  paymentOrderNo: number;
  sellerNo: number;
  productNo: number;
  amount: bigint;
}

/** The PSP has approved an order's payment; every seller is to be credited its lines. */
export interface PaymentConfirmed {
  orderId: string;
  /** The PSP's name for the payment. */
  paymentKey: string;
  /** ISO 4217; KRW. */
  currency: string;
  totalAmount: bigint;
  approvedAt: Date;
  lines: PaymentLine[];
}

export interface DebitEntry {
  sellerNo: number;
  walletNo: number;
  paymentOrderNo: number;
  amount: bigint;
  /** Position of the ledger line in its wallet's chain, from 1. */
  walletSeq: number;
  /** SHA-256 of the line and its predecessor's hash, in hex. */
  lineHash: string;
}

/** Every canceled line has been debited. Sequence and hash make this topic a witness of each chain. */
export interface CancellationSettled {
  orderId: string;
  /** ISO 4217; KRW. */
  currency: string;
  cancelId: string;
  settledAt: Date;
  entries: DebitEntry[];
}

export interface CreditEntry {
  sellerNo: number;
  walletNo: number;
  paymentOrderNo: number;
  amount: bigint;
  /** Position of the ledger line in its wallet's chain, from 1. */
  walletSeq: number;
  /** SHA-256 of the line and its predecessor's hash, in hex. */
  lineHash: string;
}

/** Every line of a confirmed payment stands in the sellers' ledgers. Sequence and hash make this topic a witness of each chain. */
export interface PaymentSettled {
  orderId: string;
  /** ISO 4217; KRW. */
  currency: string;
  settledAt: Date;
  entries: CreditEntry[];
}

/** Every event by its full name. */
export interface EventRecords {
  'deadletter.DeadLettered': DeadLettered;
  'payment.PaymentCanceled': PaymentCanceled;
  'payment.PaymentConfirmed': PaymentConfirmed;
  'wallet.CancellationSettled': CancellationSettled;
  'wallet.PaymentSettled': PaymentSettled;
}
