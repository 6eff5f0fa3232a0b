import type { Router } from 'express';
import { endpoint } from '#kit/endpoint';
import { answer } from '#kit/http';
import { wonFromText, wonToNumber } from '#kit/money';
import { Refusal } from '#kit/refusal';
import type { Database } from '#prisma/database';
import { showPaymentOperation } from './show-payment.operation';

/** `GET /api/payments/{orderId}`: whoever knows the order id may see how the order stands. */
export function showPaymentRoute({ db }: { db: Database }): Router {
  return endpoint(showPaymentOperation, {}, async ({ params }, _req, res) => {
    const payment = await db.paymentEvent.findUnique({
      where: { orderId: params.orderId },
      include: {
        orders: { include: { product: true }, orderBy: { no: 'asc' } },
        cancels: { include: { lines: true }, orderBy: { no: 'asc' } },
      },
    });
    if (payment === null) throw new Refusal('PEC0003');
    answer(res, {
      orderId: payment.orderId,
      orderName: payment.orderName,
      amount: wonToNumber(wonFromText(payment.totalAmount.toFixed(2))),
      status: payment.status,
      isPaymentDone: payment.isPaymentDone,
      isWalletDone: payment.isWalletDone,
      approvedAt: payment.approvedAt,
      failure:
        payment.failureCode === null
          ? null
          : { code: payment.failureCode, message: payment.failureMessage ?? '' },
      paymentOrderList: payment.orders.map((line) => ({
        paymentOrderNo: Number(line.no),
        productNo: Number(line.productNo),
        name: line.product.name,
        sellerNo: Number(line.sellerNo),
        amount: wonToNumber(wonFromText(line.amount.toFixed(2))),
        status: line.status,
      })),
      cancels: payment.cancels.map((cancel) => ({
        cancelId: cancel.id,
        cancelAmount: wonToNumber(wonFromText(cancel.cancelAmount.toFixed(2))),
        cancelReason: cancel.cancelReason,
        status: cancel.status,
        canceledAt: cancel.canceledAt,
        paymentOrderNos: cancel.lines.map((line) => Number(line.paymentOrderNo)),
      })),
    });
  });
}
