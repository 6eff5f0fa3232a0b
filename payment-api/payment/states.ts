import type { CancelStatus, ChangedBy, PaymentLineStatus, PaymentStatus } from './payment';

type Moves<Status extends string> = Readonly<
  Record<Status, Readonly<Partial<Record<Status, readonly ChangedBy[]>>>>
>;

/**
 * Where a payment may go, and who may move it there. This table is the only place that says so; every write of a
 * status passes `assertMove`.
 */
export const PAYMENT_MOVES: Moves<PaymentStatus> = {
  // Paid at the PSP without a claim of ours: reconciliation takes it over.
  NOT_STARTED: { EXECUTING: ['confirm', 'reconcile'] },
  EXECUTING: {
    SUCCESS: ['confirm', 'recovery', 'reconcile'],
    FAILURE: ['confirm', 'recovery', 'reconcile'],
    UNKNOWN: ['confirm', 'recovery', 'reconcile'],
    // The claim is released: the PSP does not know the key, or refused our credentials.
    NOT_STARTED: ['confirm'],
  },
  UNKNOWN: {
    // A new attempt.
    EXECUTING: ['recovery'],
    SUCCESS: ['recovery', 'reconcile'],
    FAILURE: ['recovery', 'reconcile'],
  },
  SUCCESS: {
    PARTIAL_CANCELED: ['cancel', 'recovery', 'webhook-lookup', 'reconcile', 'admin'],
    CANCELED: ['cancel', 'recovery', 'webhook-lookup', 'reconcile', 'admin'],
  },
  PARTIAL_CANCELED: {
    // One line more.
    PARTIAL_CANCELED: ['cancel', 'recovery', 'webhook-lookup', 'reconcile', 'admin'],
    CANCELED: ['cancel', 'recovery', 'webhook-lookup', 'reconcile', 'admin'],
  },
  // It stays; what is written is that a late approval was taken back (LATE_APPROVAL_REVERSED).
  FAILURE: { FAILURE: ['webhook-lookup', 'reconcile'] },
  CANCELED: {},
};

/** Where a cancel may go. The PSP is asked in EXECUTING only. */
export const CANCEL_MOVES: Moves<CancelStatus> = {
  REQUESTED: {
    EXECUTING: ['cancel', 'recovery', 'reconcile'],
    SUCCESS: ['recovery', 'reconcile'],
    FAILURE: ['cancel', 'recovery', 'reconcile'],
    UNKNOWN: ['cancel', 'recovery', 'reconcile'],
  },
  EXECUTING: {
    // The next call.
    EXECUTING: ['cancel', 'recovery', 'reconcile'],
    SUCCESS: ['cancel', 'recovery', 'reconcile'],
    FAILURE: ['cancel', 'recovery', 'reconcile'],
    UNKNOWN: ['cancel', 'recovery', 'reconcile'],
  },
  UNKNOWN: {
    EXECUTING: ['recovery', 'reconcile'],
    SUCCESS: ['recovery', 'reconcile'],
    FAILURE: ['recovery', 'reconcile'],
    // Asked again, without an answer.
    UNKNOWN: ['recovery', 'reconcile'],
  },
  // Folded into the cancel of the whole rest, or allocated to lines by an administrator.
  UNALLOCATED: { SUCCESS: ['recovery', 'webhook-lookup', 'reconcile', 'admin'] },
  SUCCESS: {},
  FAILURE: {},
};

function assertIn<Status extends string>(
  what: string,
  moves: Moves<Status>,
  move: { from: Status; to: Status; by: ChangedBy },
): void {
  const { from, to, by } = move;
  if (moves[from][to]?.includes(by) !== true)
    throw new Error(`a ${what} cannot move from ${from} to ${to} by ${by}`);
}

/** @throws Error for a move that the table does not have: a defect of ours, never a shopper's fault */
export const assertMove = (from: PaymentStatus, to: PaymentStatus, by: ChangedBy): void =>
  assertIn('payment', PAYMENT_MOVES, { from, to, by });

/** @throws Error for a move that the table does not have */
export const assertCancelMove = (from: CancelStatus, to: CancelStatus, by: ChangedBy): void =>
  assertIn('cancel', CANCEL_MOVES, { from, to, by });

/** What a line becomes when its payment moves, and which lines move: the others of a part-canceled one stay. */
export function lineMove(
  from: PaymentStatus,
  to: PaymentStatus,
): { from: PaymentLineStatus; to: PaymentLineStatus } {
  return {
    from: from === 'PARTIAL_CANCELED' ? 'SUCCESS' : from,
    to: to === 'PARTIAL_CANCELED' ? 'CANCELED' : to,
  };
}

/** Has the money been taken, whatever was given back since? */
export function isPaid(status: PaymentStatus): boolean {
  return status === 'SUCCESS' || status === 'PARTIAL_CANCELED' || status === 'CANCELED';
}
