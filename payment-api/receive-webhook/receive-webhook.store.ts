import { Prisma, type Database } from '#prisma/database';
import { inTransaction } from '#prisma/transaction';
import type { PaymentStatus } from '../payment/payment';

/**
 * Makes an order due for a lookup. The ordinary webhook, which reports what the order's row says already, costs one read that
 * takes no lock: the confirm that it reports may still hold the row. A flood of duplicates costs the same read each.
 */
export async function requestCheck(
  db: Database,
  orderId: string,
  statuses: readonly PaymentStatus[],
): Promise<void> {
  const payment = Prisma.sql`order_id = ${orderId} AND status IN (${Prisma.join([...statuses])}) AND NOT check_requested
    AND (claim_token IS NOT NULL OR next_check_at IS NULL OR next_check_at > NOW(3))`;
  const cancel = Prisma.sql`order_id = ${orderId} AND status = 'UNKNOWN' AND claim_token IS NULL
    AND next_check_at > NOW(3)`;
  const [row] = await db.query<{ is_news: bigint }>`
    SELECT EXISTS (SELECT 1 FROM payment_events WHERE ${payment})
      OR EXISTS (SELECT 1 FROM payment_cancels WHERE ${cancel}) AS is_news`;
  if (row?.is_news !== 1n) return;
  await inTransaction(db, (tx) =>
    Promise.all([
      // During a lookup the claim's end stays where it is: moving it would let a second process cut in.
      tx.execute`
        UPDATE payment_events
        SET check_requested = (claim_token IS NOT NULL), next_check_at = IF(claim_token IS NULL, NOW(3), next_check_at)
        WHERE ${payment}`,
      tx.execute`UPDATE payment_cancels SET next_check_at = NOW(3) WHERE ${cancel}`,
    ]),
  );
}
