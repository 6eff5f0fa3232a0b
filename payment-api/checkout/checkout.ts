import { createHash } from 'node:crypto';
import type { Ids } from '#kit/ids';
import type { Won } from '#kit/money';
import { Refusal } from '#kit/refusal';
import type { Database, Tx } from '#prisma/database';
import { inTransaction, isDuplicateKey } from '#prisma/transaction';
import { CHECKOUT_RANK, type Admission } from '../payment/admission';
import { orderNameOf, totalOf, type Product } from './checkout.rules';
import * as store from './checkout.store';

export interface CheckoutWorld {
  db: Database;
  ids: Ids;
  admission: Admission;
}

export interface CheckoutCommand {
  /** One line per entry; the same product twice makes two. */
  productNos: readonly number[];
  idempotencyKey: string | null;
}

export interface Order {
  orderId: string;
  orderName: string;
  amount: Won;
}

/**
 * Writes an order down, so that the amount is ours before the shopper sees a payment window. Nothing is charged.
 *
 * With an idempotency key the same request again finds the same order.
 *
 * @throws Refusal PEC0001 unknown product, PEC0012 key used with another body
 */
export async function checkout(
  { db, ids, admission }: CheckoutWorld,
  { productNos, idempotencyKey }: CheckoutCommand,
): Promise<{ order: Order; isReplay: boolean }> {
  const bodyHash = createHash('sha256').update(JSON.stringify(productNos)).digest('hex');
  const idempotency = idempotencyKey === null ? null : { key: idempotencyKey, bodyHash };
  try {
    const work = async (tx: Tx): Promise<{ order: Order; isReplay: boolean }> => {
      const [found, earlier] = await Promise.all([
        store.findProducts(tx, productNos),
        idempotency === null ? undefined : store.findByCheckoutKey(tx, idempotency.key),
      ]);
      if (earlier !== undefined) return replay(earlier, bodyHash);
      const products = productNos
        .map((no) => found.get(no))
        .filter((product): product is Product => product !== undefined);
      if (products.length !== productNos.length) throw new Refusal('PEC0001');
      const order = { orderId: ids.orderId(), orderName: orderNameOf(products), amount: totalOf(products) };
      await store.insertOrder(tx, { ...order, products, idempotency });
      return { order, isReplay: false };
    };
    const turn = { waitingMax: admission.checkoutWaitingMax, rank: CHECKOUT_RANK };
    return await inTransaction(db, work, turn);
  } catch (error) {
    if (idempotency === null || !isDuplicateKey(error)) throw error;
    // Two requests with one key at once: the unique key let one through, and it has committed.
    const winner = await store.findByCheckoutKey(db, idempotency.key);
    if (winner === undefined) throw error;
    return replay(winner, bodyHash);
  }
}

function replay(earlier: store.FoundOrder, bodyHash: string): { order: Order; isReplay: boolean } {
  if (earlier.bodyHash !== bodyHash) throw new Refusal('PEC0012');
  const { orderId, orderName, amount } = earlier;
  return { order: { orderId, orderName, amount }, isReplay: true };
}
