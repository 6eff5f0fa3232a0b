import { wonFromText, wonToDecimalText } from '#kit/money';
import { Prisma, valuesOf, type Reader, type Tx } from '#prisma/database';
import { toDatetimeText, type LedgerLine, type WalletHead } from './ledger.rules';

/** How far an order has come: its last event, and the last answer to the payment side. */
export interface OrderProgress {
  lastSeqIn: number;
  lastSeqOut: number;
}

export const shareKey = (orderId: string, paymentOrderNo: number, sellerNo: number): string =>
  `${orderId}#${paymentOrderNo}#${sellerNo}`;

/** A stored BIGINT that code counts with. @throws RangeError beyond the integers a number holds exactly. */
function toNumber(stored: bigint | number): number {
  const number = Number(stored);
  if (!Number.isSafeInteger(number)) throw new RangeError(`${stored} is beyond exact numbers`);
  return number;
}

/** Locks the progress of these orders, in the order of their ids. Orders without any event yet are absent. */
export async function lockOrders(tx: Tx, orderIds: readonly string[]): Promise<Map<string, OrderProgress>> {
  if (orderIds.length === 0) return new Map();
  const rows = await tx.query<{ order_id: string; last_seq_in: number; last_seq_out: number }>`
    SELECT order_id, last_seq_in, last_seq_out FROM settlements FORCE INDEX (PRIMARY)
    WHERE order_id IN (${Prisma.join([...orderIds].sort())}) ORDER BY order_id FOR UPDATE`;
  return new Map(
    rows.map((row) => [
      row.order_id,
      { lastSeqIn: toNumber(row.last_seq_in), lastSeqOut: toNumber(row.last_seq_out) },
    ]),
  );
}

export async function saveOrders(
  tx: Tx,
  orders: readonly (OrderProgress & { orderId: string })[],
): Promise<void> {
  const rows = orders.map(({ orderId, lastSeqIn, lastSeqOut }) => [orderId, lastSeqIn, lastSeqOut]);
  await tx.execute`
    INSERT INTO settlements (order_id, last_seq_in, last_seq_out) VALUES ${valuesOf(rows)} AS new
    ON DUPLICATE KEY UPDATE last_seq_in = new.last_seq_in, last_seq_out = new.last_seq_out`;
}

/** Gives sellers a wallet, and locks it. Another consumer may have been faster: that is no error. */
export async function createWallets(
  tx: Tx,
  sellerNos: readonly number[],
): Promise<Map<number, WalletHead | null>> {
  const rows = [...sellerNos].sort((a, b) => a - b).map((sellerNo) => Prisma.sql`(${sellerNo})`);
  const [, wallets] = await Promise.all([
    tx.execute`
      INSERT INTO wallets (seller_no) VALUES ${Prisma.join(rows)} ON DUPLICATE KEY UPDATE no = wallets.no`,
    lockWallets(tx, sellerNos),
  ]);
  return wallets;
}

interface WalletRow {
  seller_no: bigint;
  no: bigint | null;
  balance: string;
  last_seq: bigint;
  last_hash: string;
  updated_at: Date;
}

/**
 * Locks the wallets of these sellers in the order of the sellers' numbers, in which every consumer locks them.
 *
 * @returns by seller number; `null` for a seller without a wallet, nothing for a seller that does not exist
 */
export async function lockWallets(
  tx: Tx,
  sellerNos: readonly number[],
): Promise<Map<number, WalletHead | null>> {
  if (sellerNos.length === 0) return new Map();
  const sorted = [...sellerNos].sort((a, b) => a - b);
  const rows = await tx.query<WalletRow>`
    SELECT s.no AS seller_no, w.no, w.balance, w.last_seq, w.last_hash, w.updated_at
    FROM sellers s FORCE INDEX (PRIMARY) LEFT JOIN wallets w ON w.seller_no = s.no
    WHERE s.no IN (${Prisma.join(sorted)}) ORDER BY s.no FOR UPDATE OF w`;
  return new Map(rows.map((row) => [toNumber(row.seller_no), headOf(row)]));
}

const headOf = (row: WalletRow): WalletHead | null =>
  row.no === null
    ? null
    : {
        walletNo: toNumber(row.no),
        sellerNo: toNumber(row.seller_no),
        balance: wonFromText(row.balance),
        lastSeq: toNumber(row.last_seq),
        lastHash: row.last_hash,
        lastAt: row.last_seq === 0n ? null : row.updated_at,
      };

/** @throws a duplicate-key error when a share was booked before: nothing of the batch holds then. */
export async function insertLines(tx: Tx, lines: readonly LedgerLine[]): Promise<void> {
  const rows = lines.map((line) => [
    line.walletNo,
    line.walletSeq,
    line.type,
    wonToDecimalText(line.amount),
    wonToDecimalText(line.balanceAfter),
    line.paymentOrderNo,
    line.orderId,
    line.eventId,
    line.idempotencyKey,
    line.lineHash,
    toDatetimeText(line.createdAt),
  ]);
  const inserted = await tx.execute`
    INSERT INTO wallet_transactions (wallet_no, wallet_seq, type, amount, balance_after, reference_id,
      order_id, event_id, idempotency_key, line_hash, created_at)
    VALUES ${valuesOf(rows)}`;
  if (inserted !== lines.length) throw new Error(`${inserted} ledger lines inserted, not ${lines.length}`);
}

/** Moves locked wallets to their new balance and chain head; `updated_at` is their newest line's time. */
export async function saveWallets(tx: Tx, heads: readonly WalletHead[]): Promise<void> {
  const rows = heads.map(({ walletNo, sellerNo, balance, lastSeq, lastHash, lastAt }) => [
    walletNo,
    sellerNo,
    wonToDecimalText(balance),
    lastSeq,
    lastHash,
    lastAt === null ? null : toDatetimeText(lastAt),
  ]);
  // Every row exists and is locked: the key finds it, and nothing is inserted.
  await tx.execute`
    INSERT INTO wallets (no, seller_no, balance, last_seq, last_hash, updated_at) VALUES ${valuesOf(rows)} AS new
    ON DUPLICATE KEY UPDATE balance = new.balance, last_seq = new.last_seq, last_hash = new.last_hash,
      updated_at = new.updated_at, version = wallets.version + 1`;
}

/** What these payment orders were credited and not debited yet, by `shareKey`. */
export async function creditedShares(
  db: Reader,
  paymentOrderNos: readonly number[],
): Promise<Map<string, bigint>> {
  if (paymentOrderNos.length === 0) return new Map();
  const rows = await db.query<{
    reference_id: bigint;
    order_id: string;
    seller_no: bigint;
    credited: string;
  }>`
    SELECT line.reference_id, line.order_id, wallets.seller_no,
      SUM(IF(line.type = 'CREDIT', line.amount, -line.amount)) AS credited
    FROM wallet_transactions AS line JOIN wallets ON wallets.no = line.wallet_no
    WHERE line.reference_id IN (${Prisma.join([...paymentOrderNos])})
    GROUP BY line.reference_id, line.order_id, wallets.seller_no`;
  return new Map(
    rows.map((row) => [
      shareKey(row.order_id, toNumber(row.reference_id), toNumber(row.seller_no)),
      wonFromText(row.credited),
    ]),
  );
}
