import { WALLET_SERVICE } from '#contracts/topics';
import { Prisma, type Reader, type Tx } from '#prisma/database';
import type { PaymentEvent } from './payment-event.rules';
import type { DeadLetterState } from './sequence.rules';

const KEY_BYTES_MAX = 1_024;
export const ERROR_CHARACTERS_MAX = 1_000;

interface StateRow {
  id: string;
  aggregate_id: string | null;
  event_seq: number | null;
  status: DeadLetterState['status'];
}

const toState = (row: StateRow): DeadLetterState => ({
  id: row.id,
  orderId: row.aggregate_id,
  seq: row.event_seq,
  status: row.status,
});

/** Every dead letter of these orders, whatever its status. */
export async function deadLettersOfOrders(
  db: Reader,
  orderIds: readonly string[],
): Promise<DeadLetterState[]> {
  if (orderIds.length === 0) return [];
  const rows = await db.$queryRaw<StateRow[]>`
    SELECT id, aggregate_id, event_seq, status FROM dead_letters
    WHERE consumer = ${WALLET_SERVICE} AND aggregate_id IN (${Prisma.join([...orderIds])})
    ORDER BY no`;
  return rows.map(toState);
}

/** Locks the dead letters that are being redriven, so that nobody closes one while its event is settled. */
export async function lockDeadLetters(tx: Tx, ids: readonly string[]): Promise<DeadLetterState[]> {
  if (ids.length === 0) return [];
  const rows = await tx.$queryRaw<StateRow[]>`
    SELECT id, aggregate_id, event_seq, status FROM dead_letters FORCE INDEX (dead_letters_id_key)
    WHERE consumer = ${WALLET_SERVICE} AND id IN (${Prisma.join([...ids].sort())})
    ORDER BY id FOR UPDATE`;
  return rows.map(toState);
}

export interface NewDeadLetter {
  id: string;
  event: PaymentEvent;
  error: string;
}

/** Keeps messages whole: bytes, key and headers as they came, and where they stand in the topic. */
export async function insertDeadLetters(tx: Tx, letters: readonly NewDeadLetter[], now: Date): Promise<void> {
  if (letters.length === 0) return;
  const rows = letters.map(({ id, event, error }) => {
    const { topic, partition, offset, key, value, headers } = event.message;
    return Prisma.sql`(${id}, ${WALLET_SERVICE}, ${topic}, ${partition}, ${offset}, ${event.eventId},
      ${event.eventType}, ${key?.subarray(0, KEY_BYTES_MAX) ?? null}, ${event.orderId}, ${event.seq},
      ${JSON.stringify(headers)}, ${value}, ${error.slice(0, ERROR_CHARACTERS_MAX)}, ${now})`;
  });
  await tx.$executeRaw`
    INSERT INTO dead_letters (id, consumer, topic, \`partition\`, \`offset\`, event_id, event_type,
      message_key, aggregate_id, event_seq, headers, payload, error, parked_at)
    VALUES ${Prisma.join(rows)}`;
}

/** A redriven event has failed again: its dead letter is open once more, with today's reason. */
export async function reopenDeadLetter(tx: Tx, id: string, error: string): Promise<void> {
  await tx.$executeRaw`
    UPDATE dead_letters SET status = 'OPEN', error = ${error.slice(0, ERROR_CHARACTERS_MAX)}
    WHERE id = ${id} AND status <> 'RESOLVED'`;
}

/** The redriven event needs nothing more: it was settled in this very transaction, or had been before. */
export async function resolveDeadLetter(tx: Tx, id: string, resolution: string, now: Date): Promise<void> {
  await tx.$executeRaw`
    UPDATE dead_letters SET status = 'RESOLVED', resolved_by = ${WALLET_SERVICE}, resolved_at = ${now},
      resolution = ${resolution}
    WHERE id = ${id} AND status <> 'RESOLVED'`;
}
