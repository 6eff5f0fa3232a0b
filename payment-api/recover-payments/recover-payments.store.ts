import { Prisma, type Tx } from '#prisma/database';
import type { TakenOver } from '../payment/recover-payment';
import { holdCancel, holdPayment, milliseconds } from '../payment/recovery.store';

/** What is taken over. */
export const KINDS = ['executing', 'unknown', 'cancel', 'settled'] as const;
export type Kind = (typeof KINDS)[number];

/**
 * Whose turn it is: each kind comes first in its turn, and the others stand behind it. A steady stream of one kind then
 * takes no more than what the others leave of a round, whichever it is.
 */
export function kindsOfTurn(turn: number): Kind[] {
  const first = turn % KINDS.length;
  return [...KINDS.slice(first), ...KINDS.slice(0, first)];
}

/** `FOR UPDATE SKIP LOCKED`: instances do not wait for each other, and none takes what another is taking. */
function dueQuery(kind: Kind, leaseMs: number): Prisma.Sql {
  switch (kind) {
    case 'executing':
      return Prisma.sql`
        SELECT order_id AS id FROM payment_events
        WHERE status = 'EXECUTING' AND claimed_at <= NOW(3) - ${milliseconds(leaseMs)}
          AND (next_check_at IS NULL OR next_check_at <= NOW(3))
        ORDER BY next_check_at LIMIT 1 FOR UPDATE SKIP LOCKED`;
    case 'unknown':
      return Prisma.sql`
        SELECT order_id AS id FROM payment_events WHERE status = 'UNKNOWN' AND next_check_at <= NOW(3)
        ORDER BY next_check_at LIMIT 1 FOR UPDATE SKIP LOCKED`;
    case 'cancel':
      return Prisma.sql`
        SELECT id FROM payment_cancels
        WHERE status IN ('REQUESTED', 'EXECUTING', 'UNKNOWN') AND next_check_at <= NOW(3)
        ORDER BY next_check_at LIMIT 1 FOR UPDATE SKIP LOCKED`;
    case 'settled':
      return Prisma.sql`
        SELECT order_id AS id FROM payment_events
        WHERE status IN ('SUCCESS', 'PARTIAL_CANCELED', 'FAILURE') AND next_check_at <= NOW(3)
        ORDER BY next_check_at LIMIT 1 FOR UPDATE SKIP LOCKED`;
  }
}

/**
 * Takes over what is due: from now on only writes under `token` hold, until the lease ends and it is due again.
 *
 * @returns `undefined` when nothing of this kind is due
 */
export async function takeOver(
  tx: Tx,
  kind: Kind,
  token: string,
  leaseMs: number,
): Promise<TakenOver | undefined> {
  const [due] = await tx.query<{ id: string }>(dueQuery(kind, leaseMs));
  if (due === undefined) return undefined;
  if (kind === 'cancel') return { kind, ...(await holdCancel(tx, due.id, { token, leaseMs })) };
  const { payment, sinceClaimMs } = await holdPayment(tx, due.id, { token, leaseMs });
  return kind === 'settled' ? { kind, payment } : { kind: 'open', payment, sinceClaimMs };
}
