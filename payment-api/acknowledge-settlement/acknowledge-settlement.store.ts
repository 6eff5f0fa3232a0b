import { wonFromText } from '#kit/money';
import type { Tx } from '#prisma/database';
import type { Standing } from './acknowledge-settlement.rules';

interface StandingRow {
  no: bigint;
  last_event_seq: number;
  acknowledged_events: number;
  line_no: bigint;
  seller_no: bigint;
  amount: string;
}

/** Locks the order's payment, so that events of one order are acknowledged one after the other. */
export async function lockStanding(tx: Tx, orderId: string): Promise<Standing | undefined> {
  const rows = await tx.query<StandingRow>`
    SELECT p.no, p.last_event_seq, p.acknowledged_events, o.no AS line_no, o.seller_no, o.amount
    FROM payment_events p JOIN payment_orders o ON o.payment_event_no = p.no
    WHERE p.order_id = ${orderId} FOR UPDATE OF p`;
  const [first] = rows;
  if (first === undefined) return undefined;
  const canceled = await tx.query<{ id: string; line_no: bigint }>`
    SELECT c.id, l.payment_order_no AS line_no
    FROM payment_cancels c JOIN payment_cancel_lines l ON l.payment_cancel_no = c.no
    WHERE c.payment_event_no = ${first.no} AND c.status = 'SUCCESS'`;
  const cancels = new Map<string, Set<number>>();
  for (const row of canceled)
    cancels.set(row.id, (cancels.get(row.id) ?? new Set()).add(Number(row.line_no)));
  return {
    cancels,
    paymentEventNo: first.no,
    lastEventSeq: Number(first.last_event_seq),
    acknowledgedEvents: Number(first.acknowledged_events),
    lines: new Map(
      rows.map((row) => [
        Number(row.line_no),
        { sellerNo: Number(row.seller_no), amount: wonFromText(row.amount) },
      ]),
    ),
  };
}

/**
 * The order's events up to this one are settled, or were closed by hand; its money is done when all that were published
 * are.
 */
export async function acknowledge(tx: Tx, paymentEventNo: bigint, seq: number): Promise<void> {
  // MySQL assigns from left to right: the comparison sees the new count.
  await tx.execute`
    UPDATE payment_events
    SET acknowledged_events = ${seq}, is_wallet_done = (acknowledged_events = last_event_seq)
    WHERE no = ${paymentEventNo}`;
}
