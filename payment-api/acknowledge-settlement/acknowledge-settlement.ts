import { PAYMENT_SERVICE } from '#contracts/topics';
import type { Due, MessageService, Problem } from '#messaging/message-service';
import type { Tx } from '#prisma/database';
import {
  problemOfEntries,
  readWalletEvent,
  type OrderRows,
  type WalletEvent,
} from './acknowledge-settlement.rules';
import * as store from './acknowledge-settlement.store';

/** What the database has of a batch's orders. */
interface Loaded {
  orders: ReadonlyMap<string, OrderRows>;
  cancels: ReadonlyMap<string, { orderId: string; lines: ReadonlySet<number> }>;
}

/** Acknowledges on the payment what the wallet has settled, after comparing it with the order's own lines. */
export const acknowledgementService: MessageService<WalletEvent, Loaded> = {
  consumer: PAYMENT_SERVICE,
  deadLetterTopic: 'wallet_payment_dlq',
  read: readWalletEvent,
  load,
  lastSeq: ({ orders }, orderId) =>
    orders.get(orderId)?.acknowledgedEvents ?? { cause: 'unknown_order', reason: `unknown order ${orderId}` },
  accept,
  apply,
  typeOf: ({ record }) => (record === 'wallet.PaymentSettled' ? 'CREDIT' : 'DEBIT'),
};

async function load(tx: Tx, events: readonly WalletEvent[]): Promise<Loaded> {
  const cancelIds = events.flatMap(({ record, value }) =>
    record === 'wallet.CancellationSettled' ? [value.cancelId] : [],
  );
  const [orders, cancels] = await Promise.all([
    store.lockOrders(tx, [...new Set(events.map(({ value }) => value.orderId))]),
    store.linesOfCancels(tx, [...new Set(cancelIds)]),
  ]);
  return { orders, cancels };
}

function orderOf({ orders }: Loaded, orderId: string): OrderRows {
  const order = orders.get(orderId);
  if (order === undefined) throw new Error(`order ${orderId} was not locked`);
  return order;
}

function accept(loaded: Loaded, { orderId, seq, content }: Due<WalletEvent>): Problem | undefined {
  const order = orderOf(loaded, orderId);
  if (seq > order.lastEventSeq)
    return { cause: 'invalid', reason: `event ${seq}, but only ${order.lastEventSeq} were published` };
  const cancel =
    content.record === 'wallet.CancellationSettled' ? loaded.cancels.get(content.value.cancelId) : undefined;
  return problemOfEntries(content, order, cancel?.orderId === orderId ? cancel.lines : undefined);
}

async function apply(tx: Tx, loaded: Loaded, accepted: readonly Due<WalletEvent>[]): Promise<void> {
  const lastSeqs = new Map(accepted.map(({ orderId, seq }) => [orderId, seq]));
  await store.acknowledge(
    tx,
    [...lastSeqs].map(([orderId, seq]) => ({ no: orderOf(loaded, orderId).paymentEventNo, seq })),
  );
}
