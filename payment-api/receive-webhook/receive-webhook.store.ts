import { Prisma, type Database } from '#prisma/database';
import { inTransaction } from '#prisma/transaction';
import type { PaymentStatus } from '../payment/payment';

/** An order of which a webhook says that it has changed, and in which of our statuses that is worth a lookup. */
export interface Hint {
  orderId: string;
  statuses: readonly PaymentStatus[];
}

/** What has been asked for already, or is due, is not written again: a flood of webhooks costs reads. */
const IS_NOT_DUE = Prisma.sql`NOT check_requested
  AND (claim_token IS NOT NULL OR next_check_at IS NULL OR next_check_at > NOW(3))`;
const IS_OPEN_CANCEL = Prisma.sql`status = 'UNKNOWN' AND claim_token IS NULL AND next_check_at > NOW(3)`;

/**
 * Makes orders due for a lookup. The ordinary webhook reports what the order's row says already: then the two reads of the
 * whole batch are all that it costs, and they take no lock, for the confirm that it reports may still hold the row.
 */
export async function requestChecks(db: Database, hints: readonly Hint[]): Promise<void> {
  const orderIds = Prisma.join([...new Set(hints.map(({ orderId }) => orderId))]);
  const [payments, cancels] = await Promise.all([
    db.query<{ order_id: string; status: PaymentStatus }>`
      SELECT order_id, status FROM payment_events WHERE order_id IN (${orderIds}) AND ${IS_NOT_DUE}`,
    db.query<{ order_id: string }>`
      SELECT order_id FROM payment_cancels WHERE order_id IN (${orderIds}) AND ${IS_OPEN_CANCEL}`,
  ]);
  const statuses = new Map(payments.map(({ order_id, status }) => [order_id, status]));
  const openCancels = new Set(cancels.map(({ order_id }) => order_id));
  for (const hint of hints) {
    const status = statuses.get(hint.orderId);
    const isNews = status !== undefined && hint.statuses.includes(status);
    if (isNews || openCancels.has(hint.orderId)) await requestCheck(db, hint);
  }
}

async function requestCheck(db: Database, { orderId, statuses }: Hint): Promise<void> {
  await inTransaction(db, (tx) =>
    Promise.all([
      // During a lookup the claim's end stays where it is: moving it would let a second process cut in.
      tx.execute`
        UPDATE payment_events
        SET check_requested = (claim_token IS NOT NULL), next_check_at = IF(claim_token IS NULL, NOW(3), next_check_at)
        WHERE order_id = ${orderId} AND status IN (${Prisma.join([...statuses])}) AND ${IS_NOT_DUE}`,
      tx.execute`
        UPDATE payment_cancels SET next_check_at = NOW(3) WHERE order_id = ${orderId} AND ${IS_OPEN_CANCEL}`,
    ]),
  );
}
