import { PAYMENT_SERVICE } from '#contracts/topics';
import type { ParkCause } from '#prisma/dead-letters.rules';
import { Prisma, type Reader, type Tx } from '#prisma/database';
import { readStoredHeaders, type StoredHeader } from '#prisma/stored-headers';
import type { Origin, SeqRange } from './dead-letters.rules';

export interface Letter {
  no: bigint;
  id: string;
  status: 'OPEN' | 'REDRIVING' | 'RESOLVED';
  consumer: string;
  topic: string;
  partition: number;
  offset: bigint;
  eventId: string;
  eventType: string | null;
  orderId: string | null;
  seq: number | null;
  payloadSize: number | null;
  cause: ParkCause;
  error: string;
  parkedAt: Date;
  redriveCount: number;
  redrivenBy: string | null;
  redrivenAt: Date | null;
  resolvedBy: string | null;
  resolvedAt: Date | null;
  resolution: string | null;
  closedFromSeq: number | null;
  closedToSeq: number | null;
}

/** A letter without its bytes, which may be many. */
const COLUMNS = Prisma.sql`no, id, status, consumer, topic, \`partition\`, \`offset\`, event_id AS eventId,
  event_type AS eventType, aggregate_id AS orderId, event_seq AS seq, LENGTH(payload) AS payloadSize, cause, error,
  parked_at AS parkedAt, redrive_count AS redriveCount, redriven_by AS redrivenBy, redriven_at AS redrivenAt,
  resolved_by AS resolvedBy, resolved_at AS resolvedAt, resolution, closed_from_seq AS closedFromSeq,
  closed_to_seq AS closedToSeq`;

const toLetter = (row: Letter): Letter => ({
  ...row,
  payloadSize: row.payloadSize === null ? null : Number(row.payloadSize),
});

/** In the order of parking; without the resolved ones unless they are asked for. */
export async function listLetters(
  db: Reader,
  { withResolved, countMax }: { withResolved: boolean; countMax: number },
): Promise<Letter[]> {
  const statuses = withResolved ? ['OPEN', 'REDRIVING', 'RESOLVED'] : ['OPEN', 'REDRIVING'];
  const rows = await db.query<Letter>`
    SELECT ${COLUMNS} FROM dead_letters WHERE status IN (${Prisma.join(statuses)}) ORDER BY no LIMIT ${countMax}`;
  return rows.map(toLetter);
}

export async function findLetter(db: Reader, id: string): Promise<Letter | undefined> {
  const rows = await db.query<Letter>`SELECT ${COLUMNS} FROM dead_letters WHERE id = ${id}`;
  return rows.map(toLetter)[0];
}

export async function lockLetter(tx: Tx, id: string): Promise<Letter | undefined> {
  const rows = await tx.query<Letter>`SELECT ${COLUMNS} FROM dead_letters WHERE id = ${id} FOR UPDATE`;
  return rows.map(toLetter)[0];
}

/** One order's letters that nobody has resolved, by number and place; locked. */
export async function lockLettersOfOrder(tx: Tx, consumer: string, orderId: string): Promise<Letter[]> {
  const rows = await tx.query<Letter>`
    SELECT ${COLUMNS} FROM dead_letters
    WHERE consumer = ${consumer} AND aggregate_id = ${orderId} AND status IN ('OPEN', 'REDRIVING')
    ORDER BY event_seq IS NULL DESC, event_seq, no FOR UPDATE`;
  return rows.map(toLetter);
}

/** Orders of which a letter is open, those that have waited longest first. */
export function ordersWithOpenLetters(db: Reader): Promise<{ consumer: string; orderId: string }[]> {
  return db.query`
    SELECT consumer, aggregate_id AS orderId FROM dead_letters
    WHERE status = 'OPEN' AND aggregate_id IS NOT NULL GROUP BY consumer, aggregate_id ORDER BY MIN(no)`;
}

/** Open letters that belong to no order. */
export async function openLettersWithoutOrder(db: Reader): Promise<Letter[]> {
  const rows = await db.query<Letter>`
    SELECT ${COLUMNS} FROM dead_letters WHERE status = 'OPEN' AND aggregate_id IS NULL ORDER BY no`;
  return rows.map(toLetter);
}

export async function messageOf(
  db: Reader,
  id: string,
): Promise<{ headers: StoredHeader[]; key: Buffer | null; payload: Buffer | null }> {
  const [row] = await db.query<{ headers: unknown; message_key: Buffer | null; payload: Buffer | null }>`
    SELECT headers, message_key, payload FROM dead_letters WHERE id = ${id}`;
  if (row === undefined) throw new Error(`there is no dead letter ${id}`);
  return { headers: readStoredHeaders(row.headers), key: row.message_key, payload: row.payload };
}

export interface Action {
  action: 'REDRIVE' | 'RESOLVE';
  by: string;
  reason: string | null;
  eventId: string | null;
  at: Date;
}

export function actionsOf(db: Reader, letterNo: bigint): Promise<Action[]> {
  return db.query`
    SELECT action, acted_by AS \`by\`, reason, event_id AS eventId, acted_at AS at
    FROM dead_letter_actions WHERE dead_letter_no = ${letterNo} ORDER BY no`;
}

export async function recordAction(tx: Tx, letterNo: bigint, action: Omit<Action, 'at'>): Promise<void> {
  await tx.execute`
    INSERT INTO dead_letter_actions (dead_letter_no, action, acted_by, reason, event_id)
    VALUES (${letterNo}, ${action.action}, ${action.by}, ${action.reason}, ${action.eventId})`;
}

/**
 * The original bytes into the outbox once more, as a new event that names its letter. It is not part of the order's own
 * numbering (`aggregate_seq`), and keeps its number for the consumer (`event_seq`).
 */
export async function departAgain(
  tx: Tx,
  letter: Letter,
  { eventId, traceparent }: { eventId: string; traceparent: string | null },
): Promise<void> {
  await tx.execute`
    INSERT INTO outbox (id, aggregate_type, aggregate_id, aggregate_seq, event_seq, event_type, idempotency_key,
      payload, traceparent, redrive_of)
    SELECT ${eventId}, topic, aggregate_id, NULL, event_seq, event_type,
      ${`redrive:${letter.id}:${letter.redriveCount + 1}`}, payload, ${traceparent}, id
    FROM dead_letters WHERE no = ${letter.no}`;
}

export async function markRedriving(tx: Tx, letterNo: bigint, by: string): Promise<void> {
  await tx.execute`
    UPDATE dead_letters
    SET status = 'REDRIVING', redrive_count = redrive_count + 1, redriven_by = ${by}, redriven_at = NOW(3)
    WHERE no = ${letterNo}`;
}

export async function markResolved(
  tx: Tx,
  letterNo: bigint,
  { by, reason, gaveUp }: { by: string; reason: string; gaveUp: SeqRange | null },
): Promise<void> {
  await tx.execute`
    UPDATE dead_letters
    SET status = 'RESOLVED', resolved_by = ${by}, resolved_at = NOW(3), resolution = ${reason},
      closed_from_seq = ${gaveUp?.fromSeq ?? null}, closed_to_seq = ${gaveUp?.toSeq ?? null}
    WHERE no = ${letterNo}`;
}

/**
 * Has the message the bytes that were published under its number of its order? Its event id does not say it: of two
 * contents under one id the second is known by its place. Nor does `event_seq`, which every redriven copy keeps.
 */
export async function originOf(db: Reader, { no, topic, orderId, seq }: Letter): Promise<Origin> {
  const rows = await db.query<{ isSame: bigint | number }>`
    SELECT o.payload <=> d.payload AS isSame FROM outbox o JOIN dead_letters d ON d.no = ${no}
    WHERE o.aggregate_type = ${topic} AND o.aggregate_id = ${orderId} AND o.aggregate_seq = ${seq}`;
  const [row] = rows;
  if (row === undefined) return 'unknown';
  return Number(row.isSame) === 1 ? 'published' : 'altered';
}

/** Another letter of the same consumer, order and number that nobody has resolved. */
export interface Claim {
  id: string;
  /** With the very same bytes. */
  isSame: boolean;
}

export async function claimsOf(db: Reader, { no }: Letter): Promise<Claim[]> {
  const rows = await db.query<{ id: string; isSame: bigint | number }>`
    SELECT other.id, other.payload <=> d.payload AS isSame
    FROM dead_letters d JOIN dead_letters other ON other.consumer = d.consumer
      AND other.aggregate_id = d.aggregate_id AND other.event_seq = d.event_seq AND other.no <> d.no
    WHERE d.no = ${no} AND other.status <> 'RESOLVED' ORDER BY other.no`;
  return rows.map(({ id, isSame }) => ({ id, isSame: Number(isSame) === 1 }));
}

/** Has its consumer taken anything under its number, whatever the bytes? */
export async function isBooked(db: Reader, { consumer, orderId, seq }: Letter): Promise<boolean> {
  const rows = await db.query<unknown>`
    SELECT 1 FROM inbox
    WHERE consumer = ${consumer} AND aggregate_id = ${orderId} AND event_seq = ${seq} AND applied LIMIT 1`;
  return rows.length > 0;
}

/** Has its consumer taken this very content under its number, from another message? */
export async function isTaken(db: Reader, { no, consumer, orderId, seq }: Letter): Promise<boolean> {
  const rows = await db.query<unknown>`
    SELECT 1 FROM inbox i JOIN dead_letters d ON d.no = ${no}
    WHERE i.consumer = ${consumer} AND i.aggregate_id = ${orderId} AND i.event_seq = ${seq} AND i.applied
      AND i.payload_hash = SHA2(d.payload, 256) LIMIT 1`;
  return rows.length > 0;
}

/** How far the letter's consumer has come with its order; 0 before the first event. */
export async function lastSeqOf(db: Reader, { consumer, orderId }: Letter): Promise<number> {
  const rows =
    consumer === PAYMENT_SERVICE
      ? await db.query<{ last: number }>`
          SELECT acknowledged_events AS last FROM payment_events WHERE order_id = ${orderId}`
      : await db.query<{ last: number }>`
          SELECT last_seq_in AS last FROM settlements WHERE order_id = ${orderId}`;
  return Number(rows[0]?.last ?? 0);
}

/** How many events of its order were published for the letter's consumer; undefined for an order that is not there. */
export async function publishedSeqOf(db: Reader, { consumer, orderId }: Letter): Promise<number | undefined> {
  const rows =
    consumer === PAYMENT_SERVICE
      ? await db.query<{ last: number }>`
          SELECT last_seq_out AS last FROM settlements WHERE order_id = ${orderId}`
      : await db.query<{ last: number }>`
          SELECT last_event_seq AS last FROM payment_events WHERE order_id = ${orderId}`;
  return rows[0] === undefined ? undefined : Number(rows[0].last);
}
