import { wonToNumber } from '#kit/money';
import type { Call } from './calls';
import type { Payment } from './payments';

/** The answer bound to an `Idempotency-Key`. */
export interface StoredAnswer {
  readonly identity: string;
  readonly firstUsedAtMs: number;
  readonly status: number;
  readonly code: string | null;
  /** JSON text, sent again as it is. */
  readonly body: string;
}

/** One line of the journal: everything that becomes true together. */
export interface JournalRecord {
  readonly payment?: Payment;
  readonly call?: Call;
  readonly answer?: StoredAnswer;
}

/** JSON has no bigint: amounts are written as numbers, which they came in as. */
interface StoredCancel {
  transactionKey: string;
  cancelAmount: number;
  cancelReason: string;
  canceledAtMs: number;
  refundableAmount: number;
}

interface StoredPayment extends Omit<Payment, 'totalAmount' | 'balanceAmount' | 'cancels'> {
  totalAmount: number;
  balanceAmount: number;
  cancels: StoredCancel[];
}

/** A record as it stands in the file. */
export interface JournalLine extends Omit<JournalRecord, 'payment'> {
  readonly payment?: StoredPayment;
}

export function toLine({ payment, ...rest }: JournalRecord): JournalLine {
  return payment === undefined ? rest : { ...rest, payment: storedPayment(payment) };
}

/** The inverse of `toLine`. */
export function fromLine({ payment, ...rest }: JournalLine): JournalRecord {
  return payment === undefined ? rest : { ...rest, payment: livePayment(payment) };
}

function storedPayment(payment: Payment): StoredPayment {
  return {
    ...payment,
    totalAmount: wonToNumber(payment.totalAmount),
    balanceAmount: wonToNumber(payment.balanceAmount),
    cancels: payment.cancels.map((cancel) => ({
      ...cancel,
      cancelAmount: wonToNumber(cancel.cancelAmount),
      refundableAmount: wonToNumber(cancel.refundableAmount),
    })),
  };
}

function livePayment(stored: StoredPayment): Payment {
  return {
    ...stored,
    totalAmount: BigInt(stored.totalAmount),
    balanceAmount: BigInt(stored.balanceAmount),
    cancels: stored.cancels.map((cancel) => ({
      ...cancel,
      cancelAmount: BigInt(cancel.cancelAmount),
      refundableAmount: BigInt(cancel.refundableAmount),
    })),
  };
}
