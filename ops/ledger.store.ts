import { Prisma, type Reader, type Tx } from '#prisma/database';

/** A place in a wallet's chain: everything up to it was verified. The beginning is number 0. */
export interface ChainPlace {
  walletNo: bigint;
  seq: bigint;
  hash: string;
  balance: string;
}

export interface WalletProgress {
  /** Where the wallet says its chain ends. */
  head: ChainPlace;
  checkpoint: ChainPlace | null;
}

interface ProgressRow {
  no: bigint;
  last_seq: bigint;
  last_hash: string;
  balance: string;
  verified_seq: bigint | null;
  verified_hash: string | null;
  verified_balance: string | null;
}

export async function walletsProgress(db: Reader): Promise<WalletProgress[]> {
  const rows = await db.query<ProgressRow>`
    SELECT w.no, w.last_seq, w.last_hash, w.balance, k.wallet_seq AS verified_seq, k.line_hash AS verified_hash,
           k.balance AS verified_balance
    FROM wallets w LEFT JOIN ledger_checkpoints k ON k.wallet_no = w.no ORDER BY w.no`;
  return rows.map((row) => ({
    head: { walletNo: row.no, seq: row.last_seq, hash: row.last_hash, balance: row.balance },
    checkpoint:
      row.verified_seq === null || row.verified_hash === null || row.verified_balance === null
        ? null
        : {
            walletNo: row.no,
            seq: row.verified_seq,
            hash: row.verified_hash,
            balance: row.verified_balance,
          },
  }));
}

/** The moment of the reading, and of the last audit that found the ledger sound. */
export async function auditMoments(db: Reader): Promise<{ now: Date; verifiedAt: Date | null }> {
  const [row] = await db.query<{ now: Date; verified_at: Date | null }>`
    SELECT NOW(3) AS now, (SELECT MAX(verified_at) FROM ledger_checkpoints) AS verified_at`;
  if (row === undefined) throw new Error('a SELECT without a row');
  return { now: row.now, verifiedAt: row.verified_at };
}

/** Lines of one wallet, from and to included. */
export interface LineRange {
  walletNo: bigint;
  from: number;
  to: number;
}

const within = (ranges: readonly LineRange[]): Prisma.Sql =>
  Prisma.join(
    ranges.map(
      ({ walletNo, from, to }) =>
        Prisma.sql`(t.wallet_no = ${walletNo} AND t.wallet_seq BETWEEN ${from} AND ${to})`,
    ),
    ' OR ',
  );

/** Of which lines of a wallet the events may be gone: those an audit has seen, and those older than a purge. */
export interface PurgeExcuse {
  verifiedSeq: bigint;
  purgedBefore: Date | undefined;
}

/** The wallet has published events of the line's order, the outbox has none of them any more, and that is excused. */
const isPurged = ({ verifiedSeq, purgedBefore }: PurgeExcuse): Prisma.Sql => Prisma.sql`(
  (t.wallet_seq <= ${verifiedSeq} OR t.created_at < ${purgedBefore ?? new Date(0)})
  AND COALESCE(s.last_seq_out, 0) > 0 AND NOT EXISTS (
    SELECT 1 FROM outbox e
    WHERE e.aggregate_type = 'wallet' AND e.aggregate_id = t.order_id AND e.aggregate_seq IS NOT NULL))`;

/** How many lines of these ranges there are, and of how many of them all events were purged. */
export async function countLines(
  db: Reader,
  ranges: readonly LineRange[],
  excuse: PurgeExcuse,
): Promise<{ present: number; purged: number }> {
  const [row] = await db.query<{ present: bigint; purged: string | bigint | null }>`
    SELECT COUNT(*) AS present, SUM(${isPurged(excuse)}) AS purged
    FROM wallet_transactions t FORCE INDEX (wallet_transactions_wallet_no_wallet_seq_key)
    LEFT JOIN settlements s ON s.order_id = t.order_id WHERE ${within(ranges)}`;
  return { present: Number(row?.present ?? 0), purged: Number(row?.purged ?? 0) };
}

/** Lines behind a place that do not follow from their predecessor: number, balance or hash. */
export function brokenLines(
  db: Reader,
  { walletNo, seq, hash, balance }: ChainPlace,
  rowsMax: number,
): Promise<Record<string, unknown>[]> {
  // One wallet at a time: its lines are one range of the key, already in the chain's order.
  return db.query`
    SELECT c.no AS transaction_no, c.wallet_no, c.wallet_seq, c.order_id, c.amount, c.balance_after
    FROM (SELECT t.*, ${seq} + ROW_NUMBER() OVER w AS place,
                 LAG(t.line_hash) OVER w AS previous_hash, LAG(t.balance_after) OVER w AS previous_balance
          FROM wallet_transactions t FORCE INDEX (wallet_transactions_wallet_no_wallet_seq_key)
          WHERE t.wallet_no = ${walletNo} AND t.wallet_seq > ${seq}
          WINDOW w AS (ORDER BY t.wallet_seq)) c
    WHERE c.wallet_seq <> c.place
       OR c.balance_after <> COALESCE(c.previous_balance, CAST(${balance} AS DECIMAL(15, 2)))
            + IF(c.type = 'CREDIT', c.amount, -c.amount)
       OR c.line_hash <> SHA2(CONCAT_WS('|', COALESCE(c.previous_hash, ${hash}), c.wallet_no, c.wallet_seq, c.type,
            c.amount, c.balance_after, c.reference_type, c.reference_id, c.order_id, c.event_id, c.idempotency_key,
            c.created_at), 256)
    ORDER BY c.no LIMIT ${rowsMax}`;
}

/**
 * Lines of the whole ledger that do not follow from their predecessor: number, balance or hash. They are read in the order
 * of writing, in which every wallet's last lines lie close together; wallet by wallet each line would be a page of its own.
 */
export function allBrokenLines(db: Reader, rowsMax: number): Promise<Record<string, unknown>[]> {
  return db.query`
    SELECT t.no AS transaction_no, t.wallet_no, t.wallet_seq, t.order_id, t.amount, t.balance_after
    FROM wallet_transactions t
    LEFT JOIN wallet_transactions b
      ON b.wallet_no = t.wallet_no AND b.wallet_seq = t.wallet_seq - 1 AND t.wallet_seq > 1
    WHERE (b.no IS NULL AND t.wallet_seq <> 1)
       OR t.balance_after <> COALESCE(b.balance_after, 0) + IF(t.type = 'CREDIT', t.amount, -t.amount)
       OR t.line_hash <> SHA2(CONCAT_WS('|', COALESCE(b.line_hash, ''), t.wallet_no, t.wallet_seq, t.type, t.amount,
            t.balance_after, t.reference_type, t.reference_id, t.order_id, t.event_id, t.idempotency_key,
            t.created_at), 256)
    ORDER BY t.no LIMIT ${rowsMax}`;
}

/** Wallets with another balance than their head's line says; a head without a line is `wrongHeads`' business. */
export function wrongBalances(db: Reader, rowsMax: number): Promise<Record<string, unknown>[]> {
  return db.query`
    SELECT w.no AS wallet_no, w.seller_no, w.balance, COALESCE(t.balance_after, 0) AS ledger_balance
    FROM wallets w
    LEFT JOIN wallet_transactions t ON t.wallet_no = w.no AND t.wallet_seq = w.last_seq
    WHERE w.balance <> COALESCE(t.balance_after, 0) AND (t.no IS NOT NULL OR w.last_seq = 0)
    ORDER BY w.no LIMIT ${rowsMax}`;
}

/** Wallets whose head has no line or another one, or has lines behind it. One place of the key is read per wallet. */
export function wrongHeads(db: Reader, rowsMax: number): Promise<Record<string, unknown>[]> {
  return db.query`
    SELECT w.no AS wallet_no, w.seller_no, w.last_seq, w.last_hash, t.line_hash, behind.no AS line_behind_head
    FROM wallets w
    LEFT JOIN wallet_transactions t ON t.wallet_no = w.no AND t.wallet_seq = w.last_seq
    LEFT JOIN wallet_transactions behind ON behind.wallet_no = w.no AND behind.wallet_seq = w.last_seq + 1
    WHERE w.last_hash <> COALESCE(t.line_hash, '') OR (t.no IS NULL AND w.last_seq <> 0) OR behind.no IS NOT NULL
    ORDER BY w.no LIMIT ${rowsMax}`;
}

/** Checkpoints whose line is gone, or is another one now. */
export function brokenCheckpoints(db: Reader, rowsMax: number): Promise<Record<string, unknown>[]> {
  return db.query`
    SELECT k.wallet_no, k.wallet_seq, k.verified_at, k.line_hash AS verified_hash, t.line_hash
    FROM ledger_checkpoints k
    LEFT JOIN wallet_transactions t ON t.wallet_no = k.wallet_no AND t.wallet_seq = k.wallet_seq
    WHERE t.no IS NULL OR t.line_hash <> k.line_hash OR t.balance_after <> k.balance
    ORDER BY k.wallet_no LIMIT ${rowsMax}`;
}

export interface WitnessedLine {
  walletNo: bigint;
  seq: bigint;
  orderId: string;
  hash: string;
  createdAt: Date;
}

/** Lines of these ranges that are not purged ones, from a number on, of one wallet. */
export function unpurgedLines(
  db: Reader,
  ranges: readonly LineRange[],
  excuse: PurgeExcuse,
  { afterSeq, countMax }: { afterSeq: bigint; countMax: number },
): Promise<WitnessedLine[]> {
  return db.query`
    SELECT t.wallet_no AS walletNo, t.wallet_seq AS seq, t.order_id AS orderId, t.line_hash AS hash,
           t.created_at AS createdAt
    FROM wallet_transactions t LEFT JOIN settlements s ON s.order_id = t.order_id
    WHERE (${within(ranges)}) AND t.wallet_seq > ${afterSeq} AND NOT ${isPurged(excuse)}
    ORDER BY t.wallet_no, t.wallet_seq LIMIT ${countMax}`;
}

/**
 * Of what was told, the lines that are gone or have another hash. Those that agree, nearly all of them, never leave MySQL.
 *
 * @returns what the line has instead (`null`: there is none), by the place in `told`
 */
export async function differingLines(
  db: Reader,
  told: readonly { walletNo: number; walletSeq: number; lineHash: string }[],
): Promise<Map<number, string | null>> {
  if (told.length === 0) return new Map();
  const json = JSON.stringify(
    told.map(({ walletNo, walletSeq, lineHash }) => [walletNo, walletSeq, lineHash]),
  );
  const rows = await db.query<{ place: bigint | number; line_hash: string | null }>`
    SELECT told.place, t.line_hash
    FROM JSON_TABLE(${json}, '$[*]' COLUMNS (
      place      FOR ORDINALITY,
      wallet_no  BIGINT      PATH '$[0]',
      wallet_seq BIGINT      PATH '$[1]',
      line_hash  VARCHAR(64) PATH '$[2]')) AS told
    LEFT JOIN wallet_transactions t ON t.wallet_no = told.wallet_no AND t.wallet_seq = told.wallet_seq
    WHERE NOT (BINARY t.line_hash <=> BINARY told.line_hash)`;
  return new Map(rows.map(({ place, line_hash }) => [Number(place) - 1, line_hash]));
}

export interface StoredEvent {
  no: bigint;
  id: string;
  orderId: string;
  payload: Uint8Array;
}

/** The wallet's own events of these orders, as the outbox still has them. */
export function walletEventsOf(db: Reader, orderIds: readonly string[]): Promise<StoredEvent[]> {
  return db.query`
    SELECT no, id, aggregate_id AS orderId, payload FROM outbox
    WHERE aggregate_type = 'wallet' AND aggregate_id IN (${Prisma.join([...orderIds])}) AND aggregate_seq IS NOT NULL`;
}

/** The wallet's own events behind a row of the outbox, in the order of writing. */
export function walletEventsAfter(db: Reader, afterNo: bigint, countMax: number): Promise<StoredEvent[]> {
  return db.query`
    SELECT no, id, aggregate_id AS orderId, payload FROM outbox
    WHERE no > ${afterNo} AND aggregate_type = 'wallet' AND aggregate_seq IS NOT NULL ORDER BY no LIMIT ${countMax}`;
}

/** The outbox's last row before a moment; 0 when there is none. */
export async function outboxNoBefore(db: Reader, moment: Date): Promise<bigint> {
  const [row] = await db.query<{ no: bigint | null }>`
    SELECT MIN(no) - 1 AS no FROM outbox WHERE created_at >= ${moment}`;
  if (row?.no !== null && row?.no !== undefined) return row.no;
  const [last] = await db.query<{ no: bigint | null }>`SELECT MAX(no) AS no FROM outbox`;
  return last?.no ?? 0n;
}

/** How many events the wallet has published of each order, whether or not the outbox still has them. */
export async function publishedCounts(db: Reader, orderIds: readonly string[]): Promise<Map<string, number>> {
  if (orderIds.length === 0) return new Map();
  const rows = await db.query<{ order_id: string; last_seq_out: number }>`
    SELECT order_id, last_seq_out FROM settlements WHERE order_id IN (${Prisma.join([...orderIds])})`;
  return new Map(rows.map((row) => [row.order_id, Number(row.last_seq_out)]));
}

/** Moves checkpoints forward, never back: of two audits at once the later state stays. */
export async function saveCheckpoints(
  tx: Tx,
  places: readonly ChainPlace[],
  verifiedAt: Date,
): Promise<void> {
  if (places.length === 0) return;
  const rows = places.map(
    ({ walletNo, seq, hash, balance }) =>
      Prisma.sql`(${walletNo}, ${seq}, ${hash}, ${balance}, ${verifiedAt})`,
  );
  // MySQL assigns from left to right: the number comes last, for the others compare with it.
  await tx.execute`
    INSERT INTO ledger_checkpoints (wallet_no, wallet_seq, line_hash, balance, verified_at)
    VALUES ${Prisma.join(rows)} AS new
    ON DUPLICATE KEY UPDATE
      line_hash = IF(new.wallet_seq >= ledger_checkpoints.wallet_seq, new.line_hash, ledger_checkpoints.line_hash),
      balance = IF(new.wallet_seq >= ledger_checkpoints.wallet_seq, new.balance, ledger_checkpoints.balance),
      verified_at = IF(new.wallet_seq >= ledger_checkpoints.wallet_seq, new.verified_at, ledger_checkpoints.verified_at),
      wallet_seq = GREATEST(new.wallet_seq, ledger_checkpoints.wallet_seq)`;
}
