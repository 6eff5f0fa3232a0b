import { createHash, randomUUID } from 'node:crypto';
import { createEncoder, type Encode } from '#contracts/codec';
import { systemIds } from '#kit/ids';

// What the statements of a purchase share.

interface Line {
  no: number;
  productNo: number;
  sellerNo: number;
  /** Whole won. */
  amount: bigint;
}

interface WalletHead {
  walletNo: number;
  balance: bigint;
  lastSeq: number;
  lastHash: string;
}

/** What the statements of one purchase hand to each other. */
export interface BarePurchase {
  encode: Encode;
  productNos: readonly number[];
  orderId: string;
  paymentKey: string;
  claimToken: string;
  paymentNo: number;
  lines: Line[];
  wallets: Map<number, WalletHead>;
  now: Date;
  confirmedId: string;
  settledId: string;
  confirmed: Buffer;
  settled: Buffer;
}

type Row = Record<string, string | number | bigint | Date | null>;

export interface Statement {
  sql: string | ((purchase: BarePurchase) => string);
  values: (purchase: BarePurchase) => unknown[];
  /** Takes what later statements need from the result. */
  take?: (result: Row[] & { insertId?: bigint | number }, purchase: BarePurchase) => void;
}

/** One transaction: its packets of statements, and a COMMIT. */
export interface Step {
  name: string;
  packets: readonly (readonly Statement[])[];
}

/** For frames that are never decoded: any id will do. */
const encodeUndecoded = createEncoder(
  new Map([
    ['payment.PaymentConfirmed', 1],
    ['wallet.PaymentSettled', 2],
  ]),
);
export const money = (won: bigint): string => `${won}.00`;
export const wonOf = (decimal: unknown): bigint => BigInt(String(decimal).split('.')[0] ?? '0');
export const sha256 = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex');
export const datetime = (date: Date): string => date.toISOString().replace('T', ' ').replace('Z', '');
export const marks = (count: number, group = '?'): string =>
  Array.from({ length: count }, () => group).join(', ');
export const totalOf = ({ lines }: BarePurchase): bigint =>
  lines.reduce((sum, { amount }) => sum + amount, 0n);
export const sellersOf = ({ lines }: BarePurchase): number[] =>
  [...new Set(lines.map(({ sellerNo }) => sellerNo))].sort((a, b) => a - b);

/** A purchase that has not begun. */
export function newPurchase(productNos: readonly number[], encode = encodeUndecoded): BarePurchase {
  return {
    encode,
    productNos,
    orderId: systemIds.orderId(),
    paymentKey: `bare${randomUUID().replaceAll('-', '')}`,
    claimToken: systemIds.token(),
    paymentNo: 0,
    lines: [],
    wallets: new Map(),
    now: new Date(),
    confirmedId: systemIds.eventId(),
    settledId: systemIds.eventId(),
    confirmed: Buffer.alloc(0),
    settled: Buffer.alloc(0),
  };
}

/** Appends one event to the outbox, or to a table like it. */
export const outbox = (values: Statement['values'], table = 'outbox'): Statement => ({
  sql: `INSERT INTO ${table} (id, aggregate_type, aggregate_id, aggregate_seq, event_seq, event_type, idempotency_key,
      payload, traceparent)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  values,
});
