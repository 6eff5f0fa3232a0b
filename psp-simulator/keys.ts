import { randomBytes } from 'node:crypto';
import { kstCompactText } from './kst';

/** `tsim20261122100540` and 128 random bits: like Toss's keys to look at, and not to be guessed. */
export function newPaymentKey(nowMs: number): string {
  return `tsim${kstCompactText(nowMs)}${randomBytes(16).toString('hex')}`;
}

/** Names one approval or cancel. */
export function newTransactionKey(): string {
  return `txrd_${randomBytes(16).toString('hex')}`;
}

/** The card company's approval number: eight digits, not unique. */
export function newApproveNo(): string {
  return String(randomBytes(4).readUInt32BE() % 100_000_000).padStart(8, '0');
}
