import { wonFromText } from '#kit/money';
import type { Prisma } from '#prisma/database';
import type { StoredLine } from '../wallet.view';
import type { Statement } from './show-statement';
import { kstText } from './statement-period.rules';

export const CSV_COLUMNS = [
  'walletSeq',
  'createdAt',
  'type',
  'amount',
  'balanceAfter',
  'orderId',
  'paymentOrderNo',
  'eventId',
  'lineHash',
] as const;

export type CsvRow = Partial<Record<(typeof CSV_COLUMNS)[number], string>> & { type: string };

/** What spreadsheets take for the beginning of a formula, full-width forms included. */
const FORMULA_START = /^[=+\-@\t\r\n\u{FF1D}\u{FF0B}\u{FF0D}\u{FF20}]/u;

/** Text that a spreadsheet shows and never runs: order ids come from outside. */
export const formulaSafe = (text: string): string => (FORMULA_START.test(text) ? `'${text}` : text);

// A number of ours: its minus sign begins no formula.
const wonText = (amount: Prisma.Decimal): string => String(wonFromText(amount.toFixed(2)));

export const openingRow = ({ openingBalance, period }: Statement): CsvRow => ({
  type: 'OPENING',
  balanceAfter: wonText(openingBalance),
  ...(period.from === undefined ? {} : { createdAt: kstText(period.from) }),
});

export const closingRow = ({ closingBalance, period }: Statement): CsvRow => ({
  type: 'CLOSING',
  balanceAfter: wonText(closingBalance),
  ...(period.to === undefined ? {} : { createdAt: kstText(period.to) }),
});

export const lineRow = (line: StoredLine): CsvRow => ({
  walletSeq: String(line.walletSeq),
  createdAt: kstText(line.createdAt),
  type: line.type,
  amount: wonText(line.amount),
  balanceAfter: wonText(line.balanceAfter),
  orderId: formulaSafe(line.orderId),
  paymentOrderNo: String(line.referenceId),
  eventId: formulaSafe(line.eventId),
  lineHash: line.lineHash,
});
