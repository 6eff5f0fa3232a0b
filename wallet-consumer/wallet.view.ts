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
