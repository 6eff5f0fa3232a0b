import type { PaymentStatus } from './payment';

/**
 * Who may move a payment where. This table is the only place that says so; every write of a status passes
 * `assertMove`. A move to the same status (UNKNOWN asked again) is no move.
 */
const MOVES: Record<PaymentStatus, readonly PaymentStatus[]> = {
  NOT_STARTED: ['EXECUTING'],
  // NOT_STARTED: the claim is released, because the PSP does not know the key or refused our credentials.
  EXECUTING: ['SUCCESS', 'FAILURE', 'UNKNOWN', 'NOT_STARTED', 'PARTIAL_CANCELED', 'CANCELED'],
  UNKNOWN: ['EXECUTING', 'SUCCESS', 'FAILURE', 'PARTIAL_CANCELED', 'CANCELED'],
  SUCCESS: ['PARTIAL_CANCELED', 'CANCELED'],
  PARTIAL_CANCELED: ['CANCELED'],
  FAILURE: [],
  CANCELED: [],
};

/** @throws Error for a move that the table does not have: a defect of ours, never a shopper's fault */
export function assertMove(from: PaymentStatus, to: PaymentStatus): void {
  if (!MOVES[from].includes(to)) throw new Error(`a payment cannot move from ${from} to ${to}`);
}

/** Has the money been taken, whatever was given back since? */
export function isPaid(status: PaymentStatus): boolean {
  return status === 'SUCCESS' || status === 'PARTIAL_CANCELED' || status === 'CANCELED';
}
