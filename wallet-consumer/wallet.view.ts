import { wonFromText, wonToNumber } from '#kit/money';
import type { Prisma } from '#prisma/database';

export interface StoredWallet {
  no: bigint;
  sellerNo: bigint;
  balance: Prisma.Decimal;
  lastSeq: bigint;
  lastHash: string;
  createdAt: Date;
  updatedAt: Date;
}

/** An amount of the database as a JSON number of whole won. */
export const wonNumber = (stored: Prisma.Decimal): number => wonToNumber(wonFromText(stored.toFixed(2)));

/** A wallet as the API shows it, with the head of its chain of ledger lines. */
export function walletView(wallet: StoredWallet) {
  return {
    walletNo: Number(wallet.no),
    sellerNo: Number(wallet.sellerNo),
    balance: wonNumber(wallet.balance),
    isNegative: wallet.balance.lt(0),
    lastSeq: Number(wallet.lastSeq),
    lastHash: wallet.lastHash === '' ? null : wallet.lastHash,
    createdAt: wallet.createdAt.toISOString(),
    updatedAt: wallet.updatedAt.toISOString(),
  };
}

export interface StoredLine {
  no: bigint;
  walletSeq: bigint;
  type: 'CREDIT' | 'DEBIT';
  amount: Prisma.Decimal;
  balanceAfter: Prisma.Decimal;
  referenceType: 'PAYMENT_ORDER';
  referenceId: bigint;
  orderId: string;
  eventId: string;
  idempotencyKey: string;
  lineHash: string;
  createdAt: Date;
}

/** A ledger line as the API shows it. */
export function lineView(line: StoredLine) {
  return {
    walletTransactionNo: Number(line.no),
    walletSeq: Number(line.walletSeq),
    type: line.type,
    amount: wonNumber(line.amount),
    balanceAfter: wonNumber(line.balanceAfter),
    referenceType: line.referenceType,
    referenceId: Number(line.referenceId),
    orderId: line.orderId,
    eventId: line.eventId,
    idempotencyKey: line.idempotencyKey,
    lineHash: line.lineHash,
    createdAt: line.createdAt.toISOString(),
  };
}
