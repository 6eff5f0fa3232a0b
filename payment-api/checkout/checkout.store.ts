import { wonFromText, wonToDecimalText, type Won } from '#kit/money';
import { Prisma, type Reader, type Tx } from '#prisma/database';
import type { Product } from './checkout.rules';

/** The shop has no accounts yet; every order belongs to the guest. */
const GUEST_MEMBER_NO = 1n;

export async function findProducts(db: Reader, productNos: readonly number[]): Promise<Map<number, Product>> {
  const rows = await db.query<{ no: bigint; seller_no: bigint; name: string; price: string }>`
    SELECT no, seller_no, name, price FROM products WHERE no IN (${Prisma.join([...new Set(productNos)])})`;
  return new Map(
    rows.map(({ no, seller_no, name, price }) => [
      Number(no),
      { no, sellerNo: seller_no, name, price: wonFromText(price) },
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

/**
 * Writes one payment and one line per product in one packet, which commits the transaction.
 *
 * @throws duplicate key for a used idempotency key; LostCommitError
 */
export async function insertOrder(tx: Tx, order: NewOrder): Promise<void> {
  const { orderId, orderName, amount, idempotency } = order;
  // LAST_INSERT_ID is the payment's number throughout the second statement.
  const lines = order.products.map(
    ({ no, sellerNo, price }) =>
      Prisma.sql`(LAST_INSERT_ID(), ${no}, ${sellerNo}, ${orderId}, ${wonToDecimalText(price)})`,
  );
  await Promise.all([
    tx.execute`
      INSERT INTO payment_events (member_no, order_id, order_name, total_amount, checkout_key, checkout_body_hash)
      VALUES (${GUEST_MEMBER_NO}, ${orderId}, ${orderName}, ${wonToDecimalText(amount)}, ${idempotency?.key ?? null},
        ${idempotency?.bodyHash ?? null})`,
    tx.execute`
      INSERT INTO payment_orders (payment_event_no, product_no, seller_no, order_id, amount)
      VALUES ${Prisma.join(lines)}`,
    tx.commit(),
  ]);
}

export interface FoundOrder {
  orderId: string;
  orderName: string;
  amount: Won;
  bodyHash: string | null;
}

export async function findByCheckoutKey(db: Reader, key: string): Promise<FoundOrder | undefined> {
  const [row] = await db.query<{
    order_id: string;
    order_name: string;
    total_amount: string;
    checkout_body_hash: string | null;
  }>`
    SELECT order_id, order_name, total_amount, checkout_body_hash FROM payment_events WHERE checkout_key = ${key}`;
  if (row === undefined) return undefined;
  return {
    orderId: row.order_id,
    orderName: row.order_name,
    amount: wonFromText(row.total_amount),
    bodyHash: row.checkout_body_hash,
  };
}
