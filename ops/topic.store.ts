import { PAYMENT_SERVICE, WALLET_SERVICE } from '#contracts/topics';
import { Prisma, type Reader, type Tx } from '#prisma/database';
import type { Stretch } from './topic-reader';

/** Topics whose events the audit compares with the outbox. */
export const AUDITED_TOPICS = ['payment', 'wallet'] as const;

/** Whose inbox knows a topic's events. */
export const consumerOf = (topic: string): string => (topic === 'payment' ? WALLET_SERVICE : PAYMENT_SERVICE);

/** The outbox row that an event on a topic was published from. */
export interface OutboxRow {
  id: string;
  topic: string;
  key: string;
  seq: number | null;
  type: string;
  /** SHA-256 of the payload, in hex. */
  hash: string;
}

/** What a topic says of an event. */
export interface PublishedEvent {
  eventId: string;
  topic: string;
  key: string | undefined;
  seq: string | undefined;
  type: string | undefined;
  /** SHA-256 of the value, in hex. */
  hash: string;
}

export interface FoundRow {
  no: bigint | number;
  /** False for one that was published again by an operator. */
  isOriginal: boolean;
  /** The row when anything in it differs from what the topic says. */
  differing: OutboxRow | undefined;
}

/** The rows of these events, by the event's id. Of those that agree, nearly all of them, hardly anything leaves MySQL. */
export async function outboxRows(
  db: Reader,
  events: readonly PublishedEvent[],
): Promise<Map<string, FoundRow>> {
  if (events.length === 0) return new Map();
  const json = JSON.stringify(
    events.map(({ eventId, topic, key, seq, type, hash }) => [eventId, topic, key, seq, type, hash]),
  );
  const found = await db.query<{
    place: bigint | number;
    no: bigint | number;
    original: bigint | number;
    agrees: bigint | number;
  }>`
    SELECT told.place, o.no, o.aggregate_seq IS NOT NULL AS original,
           BINARY o.aggregate_type <=> BINARY told.topic AND BINARY o.aggregate_id <=> BINARY told.\`key\`
             AND BINARY o.event_type <=> BINARY told.type AND BINARY o.event_seq <=> BINARY told.seq
             AND BINARY SHA2(o.payload, 256) <=> BINARY told.hash AS agrees
    FROM JSON_TABLE(${json}, '$[*]' COLUMNS (
      place  FOR ORDINALITY,
      id     VARCHAR(300) CHARACTER SET ascii COLLATE ascii_bin PATH '$[0]',
      topic  VARCHAR(100) PATH '$[1]',
      \`key\`  VARCHAR(300) PATH '$[2]',
      seq    VARCHAR(20)  PATH '$[3]',
      type   VARCHAR(100) PATH '$[4]',
      hash   VARCHAR(64)  PATH '$[5]')) AS told
    STRAIGHT_JOIN outbox o ON o.id = told.id AND BINARY o.id = BINARY told.id`;
  const idAt = (place: bigint | number): string => events[Number(place) - 1]?.eventId ?? '';
  const others = found.filter(({ agrees }) => Number(agrees) !== 1).map(({ place }) => idAt(place));
  const differing = await wholeRows(db, others);
  return new Map(
    found.map(({ place, no, original }) => {
      const id = idAt(place);
      return [id, { no, isOriginal: Number(original) === 1, differing: differing.get(id) }];
    }),
  );
}

/** Rows by the event's id. */
async function wholeRows(db: Reader, eventIds: readonly string[]): Promise<Map<string, OutboxRow>> {
  if (eventIds.length === 0) return new Map();
  const rows = await db.query<OutboxRow>`
    SELECT id, aggregate_type AS topic, aggregate_id AS \`key\`, event_seq AS seq, event_type AS type,
           SHA2(payload, 256) AS hash
    FROM outbox WHERE id IN (${Prisma.join([...eventIds])})`;
  return new Map(rows.map((row) => [row.id, { ...row, seq: row.seq === null ? null : Number(row.seq) }]));
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
  const rows = await db.query<{ event_id: string; payload_hash: string; applied: bigint | number | boolean }>`
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

/** What an event tells of a ledger line. */
export interface ToldLine {
  walletNo: number;
  walletSeq: number;
  lineHash: string;
  amount: bigint;
  paymentOrderNo: number;
  orderId: string;
  type: string;
}

/**
 * Of what was told, the lines that are gone or in which anything differs. Those that agree, nearly all of them, never
 * leave MySQL.
 *
 * @returns the line as it is (`null`: there is none), by the place in `told`
 */
export async function differingLines(
  db: Reader,
  told: readonly ToldLine[],
): Promise<Map<number, LedgerLineAt | null>> {
  if (told.length === 0) return new Map();
  const json = JSON.stringify(
    told.map(({ walletNo, walletSeq, lineHash, amount, paymentOrderNo, orderId, type }) => [
      walletNo,
      walletSeq,
      lineHash,
      String(amount),
      paymentOrderNo,
      orderId,
      type,
    ]),
  );
  const rows = await db.query<{
    place: bigint | number;
    line_hash: string | null;
    amount: string;
    order_id: string;
    type: string;
    reference_id: bigint;
  }>`
    SELECT told.place, t.line_hash, t.amount, t.order_id, t.type, t.reference_id
    FROM JSON_TABLE(${json}, '$[*]' COLUMNS (
      place        FOR ORDINALITY,
      wallet_no    BIGINT         PATH '$[0]',
      wallet_seq   BIGINT         PATH '$[1]',
      line_hash    VARCHAR(64)    PATH '$[2]',
      amount       DECIMAL(40, 2) PATH '$[3]',
      reference_id BIGINT         PATH '$[4]',
      order_id     VARCHAR(64)    PATH '$[5]',
      type         VARCHAR(16)    PATH '$[6]')) AS told
    LEFT JOIN wallet_transactions t ON t.wallet_no = told.wallet_no AND t.wallet_seq = told.wallet_seq
    WHERE NOT (BINARY t.line_hash <=> BINARY told.line_hash AND t.amount <=> told.amount
      AND t.reference_id <=> told.reference_id AND BINARY t.order_id <=> BINARY told.order_id
      AND BINARY t.type <=> BINARY told.type)`;
  return new Map(
    rows.map((row) => [
      Number(row.place) - 1,
      row.line_hash === null
        ? null
        : {
            hash: row.line_hash,
            amount: row.amount,
            orderId: row.order_id,
            type: row.type,
            paymentOrderNo: Number(row.reference_id),
          },
    ]),
  );
}

/** The outbox's last row; 0 when it is empty. */
export async function lastOutboxNo(db: Reader): Promise<bigint> {
  const [row] = await db.query<{ no: bigint | null }>`SELECT MAX(no) AS no FROM outbox`;
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
  return db.query`
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
  return db.query`
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
  await tx.execute`
    INSERT INTO topic_checkpoints (topic, \`partition\`, next_offset, verified_at, last_offset, last_hash)
    VALUES ${Prisma.join(rows)} AS new
    ON DUPLICATE KEY UPDATE next_offset = new.next_offset, verified_at = new.verified_at,
      last_offset = new.last_offset, last_hash = new.last_hash`;
}
