/**
 * Why a message is parked; stored in `dead_letters.cause`.
 *
 * `undecodable`: the bytes cannot be read. `invalid`: the event breaks its contract. `conflict`: its id or its number belongs
 * to other content, or an operator has skipped the number. `behind`: an earlier message of the order is parked. `gap`: an
 * earlier event of the order is missing. `refused`: it contradicts the order's own rows, or the database refuses its row.
 * `already_posted`: the ledger has one of its lines. The others name what does not exist.
 */
export const PARK_CAUSES = [
  'undecodable',
  'invalid',
  'conflict',
  'behind',
  'gap',
  'refused',
  'already_posted',
  'not_credited',
  'unknown_seller',
  'unknown_order',
  'unknown_cancel',
] as const;
export type ParkCause = (typeof PARK_CAUSES)[number];

/** A dead letter as the decision about later events of its order sees it. */
export interface DeadLetterState {
  id: string;
  orderId: string | null;
  seq: number | null;
  status: 'OPEN' | 'REDRIVING' | 'RESOLVED';
  /** The numbers of the sequence that closing it by hand has given up, both ends included. */
  closed: { fromSeq: number; toSeq: number } | null;
}

/**
 * The number of an order's sequence that is due: the one after the last, but for what was closed by hand. A closing
 * gives up exactly the numbers it names, so that whatever else is missing is still seen to be missing.
 */
export function nextSeq(lastSeq: number, deadLetters: readonly DeadLetterState[]): number {
  const ranges = deadLetters
    .flatMap(({ status, closed }) => (status === 'RESOLVED' && closed !== null ? [closed] : []))
    .sort((a, b) => a.fromSeq - b.fromSeq);
  let next = lastSeq + 1;
  for (const { fromSeq, toSeq } of ranges) if (fromSeq <= next && next <= toSeq) next = toSeq + 1;
  return next;
}

/** The dead letter that a redriven event belongs to; another order's is none of its business. */
export function ownDeadLetter(
  redriveOf: string | null,
  orderId: string | null,
  deadLetters: readonly DeadLetterState[],
): DeadLetterState | undefined {
  const letter = deadLetters.find(({ id }) => id === redriveOf);
  const isOurs = letter !== undefined && (letter.orderId === null || letter.orderId === orderId);
  return isOurs ? letter : undefined;
}

/** The dead letter behind which the order's event of this number has to wait; one without a number stops all. */
export function letterBefore(
  seq: number,
  own: DeadLetterState | undefined,
  deadLetters: readonly DeadLetterState[],
): DeadLetterState | undefined {
  return deadLetters.find(
    (letter) => letter.status !== 'RESOLVED' && letter !== own && (letter.seq === null || letter.seq < seq),
  );
}
