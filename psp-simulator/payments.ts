import type { Won } from '#kit/money';

export type PaymentStatus =
  'READY' | 'IN_PROGRESS' | 'DONE' | 'PARTIAL_CANCELED' | 'CANCELED' | 'ABORTED' | 'EXPIRED';

export interface CancelLine {
  readonly transactionKey: string;
  readonly cancelAmount: Won;
  readonly cancelReason: string;
  readonly canceledAtMs: number;
  /** What was left to cancel after this one. */
  readonly refundableAmount: Won;
}

/** What the simulator knows about one payment; moments are epoch milliseconds. Never changed in place. */
export interface Payment {
  readonly paymentKey: string;
  readonly orderId: string;
  readonly orderName: string;
  readonly totalAmount: Won;
  readonly balanceAmount: Won;
  readonly status: PaymentStatus;
  readonly requestedAtMs: number;
  /** When the shopper authenticated: the session ends some minutes later. */
  readonly authenticatedAtMs: number | null;
  readonly approvedAtMs: number | null;
  readonly approvalTransactionKey: string | null;
  readonly approveNo: string | null;
  readonly cancels: readonly CancelLine[];
  readonly failure: { readonly code: string; readonly message: string } | null;
}

/** An approval or a cancel, as `GET /v1/transactions` lists them. Cancels have a negative amount. */
export interface Transaction {
  readonly transactionKey: string;
  readonly paymentKey: string;
  readonly amount: Won;
  readonly status: 'DONE' | 'PARTIAL_CANCELED' | 'CANCELED';
  readonly atMs: number;
}

const APPROVED: ReadonlySet<PaymentStatus> = new Set(['DONE', 'PARTIAL_CANCELED', 'CANCELED']);

/** True once money has moved, whether it came back or not. */
export function wasApproved(payment: Payment): boolean {
  return APPROVED.has(payment.status);
}

/** All payments in memory, found by key and by order. The journal is what makes them last. */
export class Payments {
  readonly #byKey = new Map<string, Payment>();
  readonly #keysByOrder = new Map<string, string[]>();
  readonly #transactions: Transaction[] = [];

  /** Takes over a new or changed payment; a transaction that came with it is appended to the list. */
  put(payment: Payment): void {
    const before = this.#byKey.get(payment.paymentKey);
    this.#byKey.set(payment.paymentKey, payment);
    if (before === undefined) {
      const keys = this.#keysByOrder.get(payment.orderId);
      if (keys === undefined) this.#keysByOrder.set(payment.orderId, [payment.paymentKey]);
      else keys.push(payment.paymentKey);
    }
    if (payment.approvedAtMs !== null && (before === undefined || before.approvedAtMs === null)) {
      this.#transactions.push(approvalOf(payment, payment.approvedAtMs));
    }
    for (const cancel of payment.cancels.slice(before?.cancels.length ?? 0)) {
      this.#transactions.push(cancellationOf(payment, cancel));
    }
  }

  /** Every payment there is, in the order of their making. */
  all(): Payment[] {
    return [...this.#byKey.values()];
  }

  byKey(paymentKey: string): Payment | undefined {
    return this.#byKey.get(paymentKey);
  }

  /** An order may have been tried several times: the approved payment, or else the latest try. */
  byOrder(orderId: string): Payment | undefined {
    const tries = this.#triesOf(orderId);
    return tries.find(wasApproved) ?? tries.at(-1);
  }

  /** Transactions with `fromMs <= at < untilMs`, oldest first. */
  transactionsBetween(fromMs: number, untilMs: number): Transaction[] {
    return this.#transactions
      .filter((one) => one.atMs >= fromMs && one.atMs < untilMs)
      .sort((a, b) => a.atMs - b.atMs);
  }

  #triesOf(orderId: string): Payment[] {
    const keys = this.#keysByOrder.get(orderId) ?? [];
    return keys.flatMap((key) => this.#byKey.get(key) ?? []);
  }
}

function approvalOf(payment: Payment, atMs: number): Transaction {
  return {
    transactionKey: payment.approvalTransactionKey ?? '',
    paymentKey: payment.paymentKey,
    amount: payment.totalAmount,
    status: 'DONE',
    atMs,
  };
}

function cancellationOf(payment: Payment, cancel: CancelLine): Transaction {
  return {
    transactionKey: cancel.transactionKey,
    paymentKey: payment.paymentKey,
    amount: -cancel.cancelAmount,
    status: cancel.refundableAmount === 0n ? 'CANCELED' : 'PARTIAL_CANCELED',
    atMs: cancel.canceledAtMs,
  };
}
