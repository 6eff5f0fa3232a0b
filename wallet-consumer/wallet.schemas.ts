import { z } from 'zod';

// What the wallet API answers with, for its document; `wallet.view` makes it.

/** Whole won; below zero when the seller owes money. */
export const balanceView = z.int().meta({ description: 'Whole won; below zero when the seller owes money.' });

export const walletShape = z.object({
  walletNo: z.int(),
  sellerNo: z.int(),
  balance: balanceView,
  isNegative: z.boolean(),
  lastSeq: z.int().meta({ description: 'Number of the last ledger line.' }),
  lastHash: z.string().nullable().meta({ description: "Head of the chain of the wallet's ledger lines." }),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
});

export const lineShape = z.object({
  walletTransactionNo: z.int(),
  walletSeq: z.int(),
  type: z.enum(['CREDIT', 'DEBIT']),
  amount: z.int().min(1),
  balanceAfter: balanceView,
  referenceType: z.literal('PAYMENT_ORDER'),
  referenceId: z.int(),
  orderId: z.string(),
  eventId: z.string(),
  idempotencyKey: z.string(),
  lineHash: z.string(),
  createdAt: z.iso.datetime(),
});

export const nextCursor = z.string().nullable();
