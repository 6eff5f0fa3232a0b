import { setImmediate } from 'node:timers/promises';
import type { Producer } from 'kafkajs';
import type { Connection } from 'mariadb';
import type { Encode } from '#contracts/codec';
import { PAYMENT_SERVICE, WALLET_SERVICE } from '#contracts/topics';
import { Batch, BulkLoader, insert, momentText, sha256Hex, uuid7 } from './bulk';

// A market that has sold for a month: payments, cancels, ledger with its chains, outbox, inbox and topics, all in agreement.
// It is written in bulk, not through the services, for they would take hours. As in a real one, outbox and topics have the
// events of the last days only; the inbox, which is kept longer, has all of them.

const PRODUCT_NO = 1;
const CANCELED_ONE_IN = 50;
const PARTITIONS = 6;
/** Orders of one loading. */
const ORDERS_PER_BATCH = 10_000;
/** Orders that are made up in one go, before the sockets are served. */
const ORDERS_AT_ONCE = 250;
/** With so many new lines it is quicker to build the indexes anew. */
const MANY_LINES = 50_000;
const EVENTS_PER_SENDING = 2_500;

interface Head {
  seq: number;
  balance: number;
  hash: string;
}

interface Line {
  paymentOrderNo: number;
  sellerNo: number;
  amount: number;
}

interface Event {
  topic: 'payment' | 'wallet';
  id: string;
  key: string;
  seq: number;
  type: string;
  payload: Buffer;
  /** When it was published, in milliseconds: an audit reads the last hour of the topics again. */
  ms: number;
}

export interface Moments {
  fromMs: number;
  endMs: number;
  /** Events from before have left outbox and topics. */
  retainedFromMs: number;
}

export interface Market {
  /** Writes orders until the ledger has so many lines; their moments end before `endMs`. */
  grow(toLines: number, moments: Moments): Promise<void>;
  counts(): MarketCounts;
}

export interface MarketCounts {
  lines: number;
  orders: number;
  events: number;
  /** Events that outbox and topics have. */
  retainedEvents: number;
}

export interface MarketOptions {
  /** Takes several statements at once. */
  root: Connection;
  /** Order id of the order with this number, from 1. */
  orderIdOf: (no: number) => string;
  /** Encodes under the ids that `event_schemas` has. */
  encode: Encode;
  /** Without it no topic has the events. */
  producer?: Producer;
  wallets: number;
  /** For what is to be loaded; the server may read it. */
  folder: string;
  /** Told how many lines there are. */
  progress: (lines: number) => void;
  say: (text: string) => void;
}

/** Replaces the sellers and their wallets. */
export async function openMarket(options: MarketOptions): Promise<Market> {
  const { root, wallets } = options;
  await root.query('SET unique_checks = 0, foreign_key_checks = 0');
  const numbers = Array.from({ length: wallets }, (_, index) => index + 1);
  await root.query('DELETE FROM wallets');
  await root.query('DELETE FROM sellers');
  const sellers = numbers.map((no) => [no, `seller-${no}`]);
  await insert(root, 'sellers', 'no, seller_id', sellers);
  const ofSellers = numbers.map((no) => [no, no]);
  await insert(root, 'wallets', 'no, seller_no', ofSellers);
  return new GrowingMarket(options, new BulkLoader(root, options.folder));
}

class GrowingMarket implements Market {
  readonly #heads = new Map<number, Head>();
  readonly #offsets = { payment: 0, wallet: 0 };
  #retainedFromMs = 0;
  #lines = 0;
  #orders = 0;
  #lineNo = 0;
  #cancelNo = 0;
  #events = 0;
  #retained = 0;

  constructor(
    private readonly options: MarketOptions,
    private readonly loader: BulkLoader,
  ) {}

  counts = (): MarketCounts => ({
    lines: this.#lines,
    orders: this.#orders,
    events: this.#events,
    retainedEvents: this.#retained,
  });

  async grow(toLines: number, moments: Moments): Promise<void> {
    const fill = (): Promise<void> => this.#fill(toLines, moments);
    await (toLines - this.#lines < MANY_LINES ? fill() : this.loader.withoutIndexes(fill, this.options.say));
    await this.loader.analyze();
    const heads = [...this.#heads].map(([no, { seq, balance, hash }]) => [no, no, balance, seq, hash]);
    const same = ['balance', 'last_seq', 'last_hash'].map((column) => `${column} = VALUES(${column})`);
    const onDuplicate = `ON DUPLICATE KEY UPDATE ${same.join(', ')}`;
    await insert(
      this.options.root,
      'wallets',
      'no, seller_no, balance, last_seq, last_hash',
      heads,
      onDuplicate,
    );
  }

  async #fill(toLines: number, { fromMs, endMs, retainedFromMs }: Moments): Promise<void> {
    this.#retainedFromMs = retainedFromMs;
    const begin = this.#lines;
    // The last batch is written while the next one is made up.
    let writing: Promise<unknown> = Promise.resolve();
    while (this.#lines < toLines) {
      const batch = new Batch();
      const events: Event[] = [];
      for (let index = 0; index < ORDERS_PER_BATCH && this.#lines < toLines; index += 1) {
        const share = (this.#lines - begin) / (toLines - begin);
        const ms = Math.floor(fromMs + (endMs - fromMs) * share);
        for (const event of this.#order(batch, ms)) if (ms >= retainedFromMs) events.push(event);
        if (index % ORDERS_AT_ONCE === 0) await setImmediate();
      }
      await writing;
      writing = Promise.all([this.loader.load(batch), this.#publish(events)]);
      // It is awaited with the next batch.
      writing.catch(() => {});
      this.options.progress(this.#lines);
    }
    await writing;
  }

  async #publish(events: readonly Event[]): Promise<void> {
    const { producer } = this.options;
    if (producer === undefined) return;
    for (let from = 0; from < events.length; from += EVENTS_PER_SENDING) {
      const some = events.slice(from, from + EVENTS_PER_SENDING);
      await producer.sendBatch({
        topicMessages: (['payment', 'wallet'] as const).map((topic) => ({
          topic,
          messages: some
            .filter((event) => event.topic === topic)
            .map(({ id, key, seq, type, payload, ms }) => ({
              key,
              timestamp: String(ms),
              value: payload,
              headers: { id, eventType: type, aggregateSeq: String(seq) },
            })),
        })),
      });
    }
  }

  /** One order of two or three lines; one in fifty is canceled. */
  #order(batch: Batch, ms: number): Event[] {
    this.#orders += 1;
    const no = this.#orders;
    const orderId = this.options.orderIdOf(no);
    const isCanceled = no % CANCELED_ONE_IN === 0;
    const lines = Array.from({ length: 2 + (no % 2) }, (_, index) => {
      this.#lineNo += 1;
      return {
        paymentOrderNo: this.#lineNo,
        sellerNo: ((no * 7 + index * 13) % this.options.wallets) + 1,
        amount: 1_000 + (no % 9) * 500,
      };
    });
    const total = lines.reduce((sum, { amount }) => sum + amount, 0);
    const at = momentText(ms);
    const status = isCanceled ? 'CANCELED' : 'SUCCESS';
    const key = `key-${no}`;
    const raw = JSON.stringify({
      paymentKey: key,
      orderId,
      totalAmount: total,
      currency: 'KRW',
      status: 'DONE',
    });
    const events = isCanceled ? 2 : 1;
    const ended = [1, 1, key, raw, at, events, events];
    batch.add('payments', [no, 1, orderId, 'order', total, status, ...ended, at, at]);
    for (const { paymentOrderNo, sellerNo, amount } of lines)
      batch.add('lines', [paymentOrderNo, no, PRODUCT_NO, sellerNo, orderId, amount, status, at, at]);
    batch.add('settlements', [orderId, events, events, at, at]);
    const common = { orderId, paymentKey: key, currency: 'KRW' };
    const wire = lines.map((line) => ({ ...line, productNo: PRODUCT_NO, amount: BigInt(line.amount) }));
    const confirmed = { ...common, totalAmount: BigInt(total), approvedAt: new Date(ms), lines: wire };
    const made = this.#step(batch, 'CREDIT', { orderId, lines, ms, seq: 1 }, [
      'payment.PaymentConfirmed',
      this.options.encode('payment.PaymentConfirmed', confirmed),
    ]);
    return isCanceled ? [...made, ...this.#cancel(batch, { no, ms, total, common, lines, wire })] : made;
  }

  /** Gives all of an order back. */
  #cancel(
    batch: Batch,
    {
      no,
      ms,
      total,
      common,
      lines,
      wire,
    }: {
      no: number;
      ms: number;
      total: number;
      common: { orderId: string; paymentKey: string; currency: string };
      lines: Line[];
      wire: { paymentOrderNo: number; sellerNo: number; productNo: number; amount: bigint }[];
    },
  ): Event[] {
    this.#cancelNo += 1;
    const { orderId } = common;
    const cancelId = uuid7(ms, this.#cancelNo);
    const at = momentText(ms);
    const key = `transaction-${no}`;
    const amounts = [total, total];
    batch.add('cancels', [
      this.#cancelNo,
      cancelId,
      no,
      orderId,
      'SUCCESS',
      ...amounts,
      'bench',
      key,
      at,
      2,
      at,
      at,
    ]);
    for (const line of lines) batch.add('cancelLines', [this.#cancelNo, line.paymentOrderNo]);
    const moment = { cancelAmount: BigInt(total), canceledAt: new Date(ms) };
    const canceled = { ...common, cancelId, ...moment, lines: wire };
    return this.#step(batch, 'DEBIT', { orderId, lines, ms, seq: 2, cancelId }, [
      'payment.PaymentCanceled',
      this.options.encode('payment.PaymentCanceled', canceled),
    ]);
  }

  /** An event of the payment, the ledger lines it makes, and the wallet's answer. */
  #step(
    batch: Batch,
    type: 'CREDIT' | 'DEBIT',
    of: {
      orderId: string;
      lines: Line[];
      ms: number;
      seq: number;
      cancelId?: string;
    },
    [record, payload]: readonly [string, Buffer],
  ): Event[] {
    const { orderId, lines, ms, seq, cancelId } = of;
    const event = this.#depart(batch, { topic: 'payment', key: orderId, seq, type: record, payload }, ms);
    const entries = lines.map((line) =>
      this.#book(batch, type, { ...line, orderId, ms, cancelId, eventId: event.id }),
    );
    const settled = { orderId, currency: 'KRW', settledAt: new Date(ms), entries };
    const answer =
      cancelId === undefined
        ? (['wallet.PaymentSettled', this.options.encode('wallet.PaymentSettled', settled)] as const)
        : ([
            'wallet.CancellationSettled',
            this.options.encode('wallet.CancellationSettled', { ...settled, cancelId }),
          ] as const);
    return [
      event,
      this.#depart(batch, { topic: 'wallet', key: orderId, seq, type: answer[0], payload: answer[1] }, ms),
    ];
  }

  #depart(batch: Batch, event: Omit<Event, 'id' | 'ms'>, ms: number): Event {
    this.#events += 1;
    const id = uuid7(ms, this.#events);
    const { topic, key, seq, type, payload } = event;
    const at = momentText(ms);
    if (ms >= this.#retainedFromMs) {
      this.#retained += 1;
      const hex = payload.toString('hex');
      batch.add('outbox', [this.#events, id, topic, key, seq, seq, type, `${type}:${key}:${seq}`, hex, at]);
    }
    // The place is made up; only the topic knows where its partitioner has put the event.
    const offset = this.#offsets[topic]++;
    batch.add('inbox', [
      topic === 'payment' ? WALLET_SERVICE : PAYMENT_SERVICE,
      id,
      topic,
      offset % PARTITIONS,
      Math.floor(offset / PARTITIONS),
      key,
      seq,
      sha256Hex(payload),
      at,
    ]);
    return { ...event, id, ms };
  }

  #book(
    batch: Batch,
    type: 'CREDIT' | 'DEBIT',
    line: {
      paymentOrderNo: number;
      sellerNo: number;
      amount: number;
      orderId: string;
      ms: number;
      eventId: string;
      cancelId: string | undefined;
    },
  ) {
    const { sellerNo: walletNo, paymentOrderNo, amount, orderId, eventId, cancelId } = line;
    const head = this.#heads.get(walletNo) ?? { seq: 0, balance: 0, hash: '' };
    const seq = head.seq + 1;
    const balance = head.balance + (type === 'CREDIT' ? amount : -amount);
    const key = cancelId === undefined ? `CREDIT:${paymentOrderNo}` : `DEBIT:${cancelId}:${paymentOrderNo}`;
    const at = momentText(line.ms);
    const money = [`${amount}.00`, `${balance}.00`];
    const place = [walletNo, seq, type];
    const proof = [orderId, eventId, key];
    const words = [head.hash, ...place, ...money, 'PAYMENT_ORDER', paymentOrderNo, ...proof, at];
    const hash = sha256Hex(words.join('|'));
    batch.add('ledger', [...place, ...money, paymentOrderNo, ...proof, hash, at]);
    this.#heads.set(walletNo, { seq, balance, hash });
    this.#lines += 1;
    return {
      sellerNo: walletNo,
      walletNo,
      paymentOrderNo,
      amount: BigInt(amount),
      walletSeq: seq,
      lineHash: hash,
    };
  }
}
