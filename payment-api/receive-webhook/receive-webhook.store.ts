import { Prisma, type Database } from '#prisma/database';
import type { PaymentStatus } from '../payment/payment';

/**
 * Makes an order due for a look. What is due, or has been asked for during a look, is not written again: a flood of
 * webhooks costs a read by key each.
 */
export async function requestCheck(
  db: Database,
  orderId: string,
  statuses: readonly PaymentStatus[],
): Promise<void> {
  // During a look the claim's end stays where it is: moving it would let a second process cut in.
  await db.execute`
    UPDATE payment_events
    SET check_requested = (claim_token IS NOT NULL), next_check_at = IF(claim_token IS NULL, NOW(3), next_check_at)
    WHERE order_id = ${orderId} AND status IN (${Prisma.join([...statuses])}) AND NOT check_requested
      AND (claim_token IS NOT NULL OR next_check_at IS NULL OR next_check_at > NOW(3))`;
  await db.execute`
    UPDATE payment_cancels SET next_check_at = NOW(3)
    WHERE order_id = ${orderId} AND status = 'UNKNOWN' AND claim_token IS NULL AND next_check_at > NOW(3)`;
}
