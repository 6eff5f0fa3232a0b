import type { Connection } from 'mariadb';
import type { Encode } from '#contracts/codec';
import { HEADER } from '#contracts/topics';
import { systemIds } from '#kit/ids';
import { Batch, insert, momentText } from './bulk';
import { LINES_PER_ORDER, pick } from './catalog';

// Confirmed orders that nobody has settled yet: the payment side's rows, and the events that wait in the topic.

/** What a backlog consists of. */
export interface BacklogShape {
  orders: number;
  sellers: number;
  /** Has the first seller a line in every order? */
  hasHotSeller: boolean;
}

/** An event as the connector publishes it. */
export interface BacklogMessage {
  /** The order's id. */
  key: string;
  value: Buffer;
  /** Without those that the connector leaves empty, which the producer cannot send. */
  headers: Record<string, string>;
}

/** Orders that belong together in memory only. */
export interface BacklogPart {
  rows: Batch;
  messages: BacklogMessage[];
}

const ORDERS_PER_PART = 10_000;
/** Whole won. */
const PRICE = 1_000;
const RECORD = 'payment.PaymentConfirmed';

/** Whole won that a backlog credits to all sellers together. */
export const creditsOf = ({ orders }: BacklogShape): number => orders * LINES_PER_ORDER * PRICE;

/** Fills empty tables with the backlog's sellers, each with a product of the same number and a wallet. */
export async function addBacklogSellers(root: Connection, { sellers }: BacklogShape): Promise<void> {
  const numbers = Array.from({ length: sellers }, (_, index) => index + 1);
  await insert(
    root,
    'sellers',
    'no, seller_id',
    numbers.map((no) => [no, `backlog-${no}`]),
  );
  await insert(
    root,
    'products',
    'no, seller_no, product_id, name, price',
    numbers.map((no) => [no, no, `backlog-${no}`, `product ${no}`, PRICE]),
  );
  await insert(
    root,
    'wallets',
    'no, seller_no',
    numbers.map((no) => [no, no]),
  );
}

/** The backlog's orders, their rows numbered from 1. */
export function* backlogOf(shape: BacklogShape, encode: Encode): Generator<BacklogPart> {
  const sellerNos = Array.from({ length: shape.sellers }, (_, index) => index + 1);
  const sellersOfOrder = (): number[] => {
    if (!shape.hasHotSeller) return pick(sellerNos, LINES_PER_ORDER);
    const [hot = 1, ...others] = sellerNos;
    return [hot, ...pick(others, LINES_PER_ORDER - 1)];
  };
  for (let begun = 0; begun < shape.orders; begun += ORDERS_PER_PART) {
    const part: BacklogPart = { rows: new Batch(), messages: [] };
    const end = Math.min(begun + ORDERS_PER_PART, shape.orders);
    for (let no = begun + 1; no <= end; no += 1) addOrder(part, no, sellersOfOrder(), encode);
    yield part;
  }
}

function addOrder({ rows, messages }: BacklogPart, no: number, sellerNos: number[], encode: Encode): void {
  const orderId = systemIds.orderId();
  const paymentKey = `backlog${orderId.replaceAll('-', '')}`;
  const approvedAt = new Date();
  const at = momentText(approvedAt.getTime());
  const total = PRICE * sellerNos.length;
  const raw = JSON.stringify({ paymentKey, orderId, totalAmount: total, currency: 'KRW', status: 'DONE' });
  const state = ['SUCCESS', 1, 0, paymentKey, raw, at, 1, 0];
  rows.add('payments', [no, 1, orderId, 'order', total, ...state, at, at]);
  const lines = sellerNos.map((sellerNo, index) => {
    const paymentOrderNo = (no - 1) * LINES_PER_ORDER + index + 1;
    rows.add('lines', [paymentOrderNo, no, sellerNo, sellerNo, orderId, PRICE, 'SUCCESS', at, at]);
    return { paymentOrderNo, sellerNo, productNo: sellerNo, amount: BigInt(PRICE) };
  });
  const totalAmount = BigInt(total);
  messages.push({
    key: orderId,
    value: encode(RECORD, { orderId, paymentKey, currency: 'KRW', totalAmount, approvedAt, lines }),
    headers: {
      [HEADER.eventId]: systemIds.eventId(),
      [HEADER.eventType]: RECORD,
      [HEADER.aggregateSeq]: '1',
    },
  });
}
