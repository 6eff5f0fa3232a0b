import { wonFromText, wonToDecimalText, type Won } from '#kit/money';
import { Prisma, type Reader, type Tx } from '#prisma/database';
import type { Product } from './checkout.rules';

/** The shop has no accounts yet; every order belongs to the guest. */
const GUEST_MEMBER_NO = 1n;

export async function findProducts(db: Reader, productNos: readonly number[]): Promise<Map<number, Product>> {
  const rows = await db.product.findMany({ where: { no: { in: [...new Set(productNos)].map(BigInt) } } });
  return new Map(
    rows.map(({ no, sellerNo, name, price }) => [
      Number(no),
      { no, sellerNo, name, price: wonFromText(price.toFixed(2)) },
    ]),
  );
}

export interface NewOrder {
  orderId: string;
  orderName: string;
  amount: Won;
  products: readonly Product[];
  /** The request's idempotency key and the hash of its body. */
  idempotency: { key: string; bodyHash: string } | null;
}

/** One payment and one line per product. @throws duplicate key for a used idempotency key */
export async function insertOrder(tx: Tx, order: NewOrder): Promise<void> {
  const { no } = await tx.paymentEvent.create({
    data: {
      memberNo: GUEST_MEMBER_NO,
      orderId: order.orderId,
      orderName: order.orderName,
      totalAmount: wonToDecimalText(order.amount),
      checkoutKey: order.idempotency?.key ?? null,
      checkoutBodyHash: order.idempotency?.bodyHash ?? null,
    },
    select: { no: true },
  });
  const lines = order.products.map(
    (product) =>
      Prisma.sql`(${no}, ${product.no}, ${product.sellerNo}, ${order.orderId}, ${wonToDecimalText(product.price)})`,
  );
  await tx.$executeRaw`
    INSERT INTO payment_orders (payment_event_no, product_no, seller_no, order_id, amount)
    VALUES ${Prisma.join(lines)}`;
}

export interface FoundOrder {
  orderId: string;
  orderName: string;
  amount: Won;
  bodyHash: string | null;
}

export async function findByCheckoutKey(db: Reader, key: string): Promise<FoundOrder | undefined> {
  const row = await db.paymentEvent.findUnique({
    where: { checkoutKey: key },
    select: { orderId: true, orderName: true, totalAmount: true, checkoutBodyHash: true },
  });
  if (row === null) return undefined;
  return {
    orderId: row.orderId,
    orderName: row.orderName,
    amount: wonFromText(row.totalAmount.toFixed(2)),
    bodyHash: row.checkoutBodyHash,
  };
}
