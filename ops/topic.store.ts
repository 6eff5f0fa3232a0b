import { PAYMENT_SERVICE, WALLET_SERVICE } from '#contracts/topics';
import { Prisma, type Reader, type Tx } from '#prisma/database';
import type { Stretch } from './topic-reader';

/** Topics whose events the audit compares with the outbox. */
export const AUDITED_TOPICS = ['payment', 'wallet'] as const;

/** Whose inbox knows a topic's events. */
export const consumerOf = (topic: string): string => (topic === 'payment' ? WALLET_SERVICE : PAYMENT_SERVICE);

/** The outbox row that an event on a topic was published from. */
export interface OutboxRow {
  no: bigint;
  id: string;
  topic: string;
  key: string;
  seq: number | null;
  type: string;
  /** SHA-256 of the payload, in hex. */
  hash: string;
  /** False for one that was published again by an operator. */
  isOriginal: boolean;
}

/** Rows by the event's id. */
export async function outboxRows(db: Reader, eventIds: readonly string[]): Promise<Map<string, OutboxRow>> {
  if (eventIds.length === 0) return new Map();
  const rows = await db.$queryRaw<(Omit<OutboxRow, 'isOriginal'> & { isOriginal: bigint | number })[]>`
    SELECT no, id, aggregate_type AS topic, aggregate_id AS \`key\`, event_seq AS seq, event_type AS type,
           SHA2(payload, 256) AS hash, aggregate_seq IS NOT NULL AS isOriginal
    FROM outbox WHERE id IN (${Prisma.join([...eventIds])})`;
  return new Map(
    rows.map((row) => [
      row.id,
      { ...row, seq: row.seq === null ? null : Number(row.seq), isOriginal: Number(row.isOriginal) === 1 },
    ]),
  );
}

export interface ArrivedEvent {
  hash: string;
  /** False: parked, or nothing was left to do. It has changed nothing. */
  isApplied: boolean;
}

/** What a topic's consumer has written down of these events, by event id. */
export async function arrivedEvents(
  db: Reader,
  topic: string,
  eventIds: readonly string[],
): Promise<Map<string, ArrivedEvent>> {
  if (eventIds.length === 0) return new Map();
  const rows = await db.$queryRaw<
    { event_id: string; payload_hash: string; applied: bigint | number | boolean }[]
  >`
    SELECT event_id, payload_hash, applied FROM inbox
    WHERE consumer = ${consumerOf(topic)} AND event_id IN (${Prisma.join([...eventIds])})`;
  return new Map(
    rows.map((row) => [row.event_id, { hash: row.payload_hash, isApplied: Number(row.applied) === 1 }]),
  );
}

export interface LedgerLineAt {
  hash: string;
  amount: string;
  orderId: string;
  type: string;
  paymentOrderNo: number;
}

/** Lines at these places, by `{walletNo}#{seq}`. */
export async function linesAt(
  db: Reader,
  places: readonly { walletNo: number; walletSeq: number }[],
): Promise<Map<string, LedgerLineAt>> {
  if (places.length === 0) return new Map();
  const pairs = places.map(({ walletNo, walletSeq }) => Prisma.sql`(${walletNo}, ${walletSeq})`);
  const rows = await db.$queryRaw<
    {
      wallet_no: bigint;
      wallet_seq: bigint;
      line_hash: string;
      amount: Prisma.Decimal;
      order_id: string;
      type: string;
      reference_id: bigint;
    }[]
  >`
    SELECT wallet_no, wallet_seq, line_hash, amount, order_id, type, reference_id FROM wallet_transactions
    WHERE (wallet_no, wallet_seq) IN (${Prisma.join(pairs)})`;
  return new Map(
    rows.map((row) => [
      `${row.wallet_no}#${row.wallet_seq}`,
      {
        hash: row.line_hash,
        amount: row.amount.toFixed(2),
        orderId: row.order_id,
        type: row.type,
        paymentOrderNo: Number(row.reference_id),
      },
    ]),
  );
}

/** The outbox's last row; 0 when it is empty. */
export async function lastOutboxNo(db: Reader): Promise<bigint> {
  const [row] = await db.$queryRaw<{ no: bigint | null }[]>`SELECT MAX(no) AS no FROM outbox`;
  return row?.no ?? 0n;
}

/**
 * Rows of these ranges that should have been on their topic when it was read. A row that its consumer has from a place
 * before the stretch that was read was there.
 *
 * @param ranges from and to, both included
 * @param lateBefore what was written later may still be on its way
 */
export function unpublishedRows(
  db: Reader,
  ranges: readonly (readonly [from: number, to: number])[],
  stretches: readonly Stretch[],
  { lateBefore, rowsMax }: { lateBefore: Date; rowsMax: number },
): Promise<Record<string, unknown>[]> {
  const within = ranges.map(([from, to]) =>
    from === to ? Prisma.sql`o.no = ${from}` : Prisma.sql`o.no BETWEEN ${from} AND ${to}`,
  );
  const before = stretches
    .filter(({ from }) => from > 0n)
    .map(
      ({ topic, partition, from }) =>
        Prisma.sql`(i.topic = ${topic} AND i.\`partition\` = ${partition} AND i.\`offset\` < ${from})`,
    );
  const wasThere =
    before.length === 0
      ? Prisma.sql`FALSE`
      : Prisma.sql`EXISTS (SELECT 1 FROM inbox i WHERE i.event_id = o.id
          AND i.consumer = IF(o.aggregate_type = 'payment', ${WALLET_SERVICE}, ${PAYMENT_SERVICE})
          AND (${Prisma.join(before, ' OR ')}))`;
  return db.$queryRaw`
    SELECT o.no AS outbox_no, o.aggregate_type AS topic, o.id AS event_id, o.aggregate_id, o.event_type, o.created_at
    FROM outbox o
    WHERE (${Prisma.join(within, ' OR ')}) AND o.aggregate_type IN (${Prisma.join([...AUDITED_TOPICS])})
      AND o.created_at < ${lateBefore} AND NOT ${wasThere}
    ORDER BY o.no LIMIT ${rowsMax}`;
}

export interface TopicCheckpoint {
  topic: string;
  partition: number;
  nextOffset: bigint;
  verifiedAt: Date;
  /** The last message that was compared, if there was one: by it a topic that was made anew is told. */
  lastOffset: bigint | null;
  lastHash: string | null;
}

/** How far the last audits have found topics and tables in agreement. */
export function topicCheckpoints(db: Reader): Promise<TopicCheckpoint[]> {
  return db.$queryRaw`
    SELECT topic, \`partition\`, next_offset AS nextOffset, verified_at AS verifiedAt,
           last_offset AS lastOffset, last_hash AS lastHash FROM topic_checkpoints`;
}

export async function saveTopicCheckpoints(tx: Tx, checkpoints: readonly TopicCheckpoint[]): Promise<void> {
  if (checkpoints.length === 0) return;
  const rows = checkpoints.map(
    ({ topic, partition, nextOffset, verifiedAt, lastOffset, lastHash }) =>
      Prisma.sql`(${topic}, ${partition}, ${nextOffset}, ${verifiedAt}, ${lastOffset}, ${lastHash})`,
  );
  // An older state only makes the next audit read more.
  await tx.$executeRaw`
    INSERT INTO topic_checkpoints (topic, \`partition\`, next_offset, verified_at, last_offset, last_hash)
    VALUES ${Prisma.join(rows)} AS new
    ON DUPLICATE KEY UPDATE next_offset = new.next_offset, verified_at = new.verified_at,
      last_offset = new.last_offset, last_hash = new.last_hash`;
}
