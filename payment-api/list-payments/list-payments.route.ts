import type { RequestHandler, Router } from 'express';
import { encodeCursor } from '#kit/cursor';
import { endpoint } from '#kit/endpoint';
import { answer } from '#kit/http';
import { wonFromText, wonToNumber } from '#kit/money';
import type { Database } from '#prisma/database';
import { listPaymentsOperation } from './list-payments.operation';

/** `GET /api/payments?limit&cursor&status&orderId`, for administrators; newest first. */
export function listPaymentsRoute({ db }: { db: Database }, admin: RequestHandler): Router {
  return endpoint(
    listPaymentsOperation,
    { admin },
    async ({ query: { limit, cursor, status, orderId } }, _req, res) => {
      const payments = await db.paymentEvent.findMany({
        where: {
          ...(status === undefined ? {} : { status }),
          ...(orderId === undefined ? {} : { orderId }),
          ...(cursor === undefined ? {} : { no: { lt: cursor } }),
        },
        orderBy: { no: 'desc' },
        // One more than asked for tells whether there is a next page.
        take: limit + 1,
        include: { orders: { include: { product: true }, orderBy: { no: 'asc' } } },
      });
      const page = payments.slice(0, limit);
      const last = payments.length > limit ? page.at(-1) : undefined;
      answer(res, {
        paymentEventList: page.map((payment) => ({
          paymentEventNo: Number(payment.no),
          paymentKey: payment.paymentKey,
          orderId: payment.orderId,
          orderName: payment.orderName,
          method: payment.method,
          type: payment.type,
          status: payment.status,
          approvedDateTime: payment.approvedAt,
          isPaymentDone: payment.isPaymentDone,
          isWalletDone: payment.isWalletDone,
          totalAmount: wonToNumber(wonFromText(payment.totalAmount.toFixed(2))),
          paymentOrderList: payment.orders.map((line) => ({
            paymentOrderNo: Number(line.no),
            orderId: line.orderId,
            amount: wonToNumber(wonFromText(line.amount.toFixed(2))),
            status: line.status,
            productNo: Number(line.productNo),
            productId: line.product.productId,
            name: line.product.name,
            price: wonToNumber(wonFromText(line.product.price.toFixed(2))),
            sellerNo: Number(line.sellerNo),
          })),
        })),
        nextCursor: last === undefined ? null : encodeCursor(last.no),
      });
    },
  );
}
