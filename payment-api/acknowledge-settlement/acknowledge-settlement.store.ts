import { wonFromText } from '#kit/money';
import { Prisma, type Tx } from '#prisma/database';
import type { OrderRows } from './acknowledge-settlement.rules';

interface OrderRow {
  no: bigint;
  order_id: string;
  last_event_seq: number;
  acknowledged_events: number;
  line_no: bigint;
  seller_no: bigint;
  amount: string;
}

/** Locks the payments of these orders, in the order of their ids, and reads their lines. Unknown orders are absent. */
export async function lockOrders(tx: Tx, orderIds: readonly string[]): Promise<Map<string, OrderRows>> {
  const orders = new Map<string, OrderRows>();
  if (orderIds.length === 0) return orders;
  const rows = await tx.query<OrderRow>`
    SELECT p.no, p.order_id, p.last_event_seq, p.acknowledged_events, o.no AS line_no, o.seller_no, o.amount
    FROM payment_events p FORCE INDEX (payment_events_order_id_key)
      STRAIGHT_JOIN payment_orders o ON o.payment_event_no = p.no
    WHERE p.order_id IN (${Prisma.join([...orderIds].sort())}) ORDER BY p.order_id FOR UPDATE OF p`;
  for (const row of rows) {
    const order = orders.get(row.order_id) ?? {
      paymentEventNo: row.no,
      lastEventSeq: row.last_event_seq,
      acknowledgedEvents: row.acknowledged_events,
      lines: new Map(),
    };
    order.lines.set(Number(row.line_no), {
      sellerNo: Number(row.seller_no),
      amount: wonFromText(row.amount),
    });
    orders.set(row.order_id, order);
  }
  return orders;
}

/** The lines of these cancels, by cancel id, as far as they have succeeded. */
export async function linesOfCancels(
  tx: Tx,
  cancelIds: readonly string[],
): Promise<Map<string, { orderId: string; lines: Set<number> }>> {
  const cancels = new Map<string, { orderId: string; lines: Set<number> }>();
  if (cancelIds.length === 0) return cancels;
  const rows = await tx.query<{ id: string; order_id: string; line_no: bigint }>`
    SELECT c.id, c.order_id, l.payment_order_no AS line_no
    FROM payment_cancels c JOIN payment_cancel_lines l ON l.payment_cancel_no = c.no
    WHERE c.id IN (${Prisma.join([...cancelIds])}) AND c.status = 'SUCCESS'`;
  for (const { id, order_id: orderId, line_no } of rows) {
    const cancel = cancels.get(id) ?? { orderId, lines: new Set<number>() };
    cancel.lines.add(Number(line_no));
    cancels.set(id, cancel);
  }
  return cancels;
}

/**
 * The events of each payment up to `seq` are settled, or were skipped by an operator; its money is done when all that were
 * published are.
 */
export async function acknowledge(tx: Tx, payments: readonly { no: bigint; seq: number }[]): Promise<void> {
  const seqs = Prisma.join(
    payments.map(({ no, seq }) => Prisma.sql`WHEN ${no} THEN ${seq}`),
    ' ',
  );
  // MySQL assigns from left to right: the comparison sees the new number.
  await tx.execute`
    UPDATE payment_events
    SET acknowledged_events = CASE no ${seqs} END, is_wallet_done = (acknowledged_events = last_event_seq)
    WHERE no IN (${Prisma.join(payments.map(({ no }) => no))})`;
}
