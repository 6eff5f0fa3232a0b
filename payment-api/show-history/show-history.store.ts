import type { Prisma, Database } from '#prisma/database';

export type HistoryRow = Prisma.PaymentOrderHistoryGetPayload<{ omit: { updatedAt: true } }>;

/** Oldest first; an order that has not moved has none. @returns undefined without such an order */
export async function findHistory(db: Database, orderId: string): Promise<HistoryRow[] | undefined> {
  const payment = await db.paymentEvent.findUnique({ where: { orderId }, select: { no: true } });
  if (payment === null) return undefined;
  return db.paymentOrderHistory.findMany({
    where: { paymentOrder: { paymentEventNo: payment.no } },
    orderBy: { no: 'asc' },
    omit: { updatedAt: true },
  });
}
