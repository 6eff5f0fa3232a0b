import { Prisma, type Tx } from '#prisma/database';
import { findCancel } from '../payment/cancel.store';
import { findPayment } from '../payment/payment.store';
import type { TakenOver } from '../payment/recover-payment';

const MILLISECOND_US = 1_000;
const us = (ms: number): Prisma.Sql => Prisma.sql`INTERVAL ${ms * MILLISECOND_US} MICROSECOND`;

/** What is taken over, the most urgent first: looks that a webhook has asked for come last. */
export const KINDS = ['executing', 'unknown', 'cancel', 'settled'] as const;
export type Kind = (typeof KINDS)[number];

/** `FOR UPDATE SKIP LOCKED`: instances do not wait for each other, and none takes what another is taking. */
function dueQuery(kind: Kind, leaseMs: number): Prisma.Sql {
  switch (kind) {
    case 'executing':
      return Prisma.sql`
        SELECT order_id AS id FROM payment_events
        WHERE status = 'EXECUTING' AND claimed_at <= NOW(3) - ${us(leaseMs)}
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
  const [due] = await tx.$queryRaw<{ id: string }[]>(dueQuery(kind, leaseMs));
  if (due === undefined) return undefined;
  if (kind === 'cancel') {
    await tx.$executeRaw`
      UPDATE payment_cancels SET claim_token = ${token}, next_check_at = NOW(3) + ${us(leaseMs)}
      WHERE id = ${due.id}`;
    const cancel = await findCancel(tx, due.id);
    const payment = cancel && (await findPayment(tx, cancel.orderId));
    if (payment === undefined || cancel === undefined) throw new Error(`cancel ${due.id} has vanished`);
    return { kind, cancel, payment };
  }
  await tx.$executeRaw`
    UPDATE payment_events
    SET claim_token = ${token}, next_check_at = NOW(3) + ${us(leaseMs)}, check_requested = FALSE
    WHERE order_id = ${due.id}`;
  const payment = await findPayment(tx, due.id);
  if (payment === undefined) throw new Error(`order ${due.id} has vanished`);
  if (kind === 'settled') return { kind, payment };
  const [age] = await tx.$queryRaw<{ age_us: bigint | number | null }[]>`
    SELECT TIMESTAMPDIFF(MICROSECOND, claimed_at, NOW(3)) AS age_us FROM payment_events WHERE no = ${payment.no}`;
  return { kind: 'open', payment, sinceClaimMs: Number(age?.age_us ?? 0) / MILLISECOND_US };
}
