import { Prisma, type Reader, type Tx } from '#prisma/database';
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

const STATUSES: Record<Kind, readonly string[]> = {
  executing: ['EXECUTING'],
  unknown: ['UNKNOWN'],
  cancel: ['REQUESTED', 'EXECUTING', 'UNKNOWN'],
  settled: ['SUCCESS', 'PARTIAL_CANCELED', 'FAILURE'],
};

const isDue = (kind: Kind, leaseMs: number): Prisma.Sql =>
  kind === 'executing'
    ? Prisma.sql`claimed_at <= NOW(3) - ${milliseconds(leaseMs)} AND (next_check_at IS NULL OR next_check_at <= NOW(3))`
    : Prisma.sql`next_check_at <= NOW(3)`;

const tableOf = (kind: Kind): Prisma.Sql =>
  kind === 'cancel' ? Prisma.sql`payment_cancels` : Prisma.sql`payment_events`;

/** Of which kinds something is due. It takes no lock. */
export async function dueKinds(db: Reader, leaseMs: number): Promise<Set<Kind>> {
  const exists = KINDS.map(
    (kind) => Prisma.sql`
      EXISTS (SELECT 1 FROM ${tableOf(kind)} WHERE status IN (${Prisma.join([...STATUSES[kind]])})
        AND ${isDue(kind, leaseMs)}) AS ${Prisma.raw(kind)}`,
  );
  const [row] = await db.query<Record<Kind, bigint>>`SELECT ${Prisma.join(exists)}`;
  return new Set(KINDS.filter((kind) => row?.[kind] === 1n));
}

/**
 * The longest due of one status. `SKIP LOCKED`: instances do not wait for each other, and none takes what another is taking.
 * One status, so that the index gives the order: sorting would lock every due row.
 */
const dueQuery = (kind: Kind, status: string, leaseMs: number): Prisma.Sql => Prisma.sql`
  SELECT ${kind === 'cancel' ? Prisma.sql`id` : Prisma.sql`order_id AS id`} FROM ${tableOf(kind)}
  WHERE status = ${status} AND ${isDue(kind, leaseMs)}
  ORDER BY next_check_at LIMIT 1 FOR UPDATE SKIP LOCKED`;

async function lockDue(tx: Tx, kind: Kind, leaseMs: number): Promise<string | undefined> {
  for (const status of STATUSES[kind]) {
    const [due] = await tx.query<{ id: string }>(dueQuery(kind, status, leaseMs));
    if (due !== undefined) return due.id;
  }
  return undefined;
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
  const id = await lockDue(tx, kind, leaseMs);
  if (id === undefined) return undefined;
  if (kind === 'cancel') return { kind, ...(await holdCancel(tx, id, { token, leaseMs })) };
  const { payment, sinceClaimMs } = await holdPayment(tx, id, { token, leaseMs });
  return kind === 'settled' ? { kind, payment } : { kind: 'open', payment, sinceClaimMs };
}
