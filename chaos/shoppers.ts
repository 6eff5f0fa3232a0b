import { randomUUID } from 'node:crypto';
import { sleep } from '#kit/clock';
import { ask, type Answer } from './http';
import { streamOf, type Random } from './random';

/** What a shopper, or an administrator, was told last about an order. Whatever was told must hold in the end. */
export interface Told {
  orderId: string;
  amount: number;
  /** `confirmed`: 200. `refused`: 402. `not-charged`: 503, once, and not asked again. `nothing`: nothing that binds us. */
  payment: 'nothing' | 'confirmed' | 'refused' | 'not-charged';
  paymentKey: string | null;
  /** Ids of cancels that were answered with 200, with the amounts that were promised back. */
  canceled: Map<string, number>;
}

export interface Urls {
  api: string;
  simulator: string;
}

export interface Shoppers {
  told: readonly Told[];
  /** Answers by kind, for the report. */
  answers: ReadonlyMap<string, number>;
  stop(): Promise<void>;
}

const PRODUCTS = [1, 2, 3, 4, 5, 6];
const LINES_MAX = 4;
const TRIES_MAX = 40;
const TRY_PAUSE_MS = 500;
const THINK_MS_MAX = 400;
const CANCELED_SHARE = 0.25;
const DECLINED_SHARE = 0.1;
const ABANDONED_SHARE = 0.05;
/** Of those who are told at once that nothing was charged. */
const DISCOURAGED_SHARE = 0.3;
/** Of the cancels: the whole order; the others cancel its first line. */
const WHOLE_SHARE = 0.5;

/** An answer, or nothing: a fault is in the way, and nobody knows whether the request arrived. */
const tryAsk = (...request: Parameters<typeof ask>): Promise<Answer | undefined> =>
  ask(...request).catch(() => undefined);

const NOTHING_CHARGED = 'PEC0014';

/** Not lost, not "later", not "busy". */
const isFinal = (answer: Answer | undefined): boolean =>
  answer !== undefined && answer.status < 500 && ![202, 409, 429].includes(answer.status);

/** One client's way with a system that fails: what is not answered for good is asked again. */
class Client {
  constructor(
    private readonly urls: Urls,
    private readonly adminKey: string,
    private readonly random: Random,
    private readonly signal: AbortSignal,
    private readonly told: Told[],
    private readonly answers: Map<string, number>,
  ) {}

  private async counted(what: string, send: () => Promise<Answer | undefined>): Promise<Answer | undefined> {
    const answer = await send();
    const kind = `${what} ${answer?.status ?? 'unanswered'}`;
    this.answers.set(kind, (this.answers.get(kind) ?? 0) + 1);
    return answer;
  }

  /** Until an answer is final, or the client's patience ends. */
  private async untilAnswered(
    what: string,
    send: () => Promise<Answer | undefined>,
  ): Promise<Answer | undefined> {
    for (let tries = 0; tries < TRIES_MAX && !this.signal.aborted; tries += 1) {
      const answer = await this.counted(what, send);
      if (isFinal(answer)) return answer;
      await sleep(TRY_PAUSE_MS, this.signal);
    }
    return undefined;
  }

  /** Checkout, authentication, confirm; now and then a decline, a change of mind, a refund. */
  async shop(): Promise<void> {
    const { random, urls } = this;
    const productNos = Array.from({ length: random.between(1, LINES_MAX) }, () => random.pick(PRODUCTS));
    const [isDeclined, isAbandoned, isCanceled] = [DECLINED_SHARE, ABANDONED_SHARE, CANCELED_SHARE].map(
      (share) => random.next() < share,
    );
    const key = { 'idempotency-key': randomUUID() };
    const made = await this.untilAnswered('checkout', () =>
      tryAsk('POST', `${urls.api}/api/payments/checkout`, { productNos }, { headers: key }),
    );
    if (made?.status !== 201) return;
    const { orderId, amount } = made.data as { orderId: string; amount: number };
    const order: Told = { orderId, amount, payment: 'nothing', paymentKey: null, canceled: new Map() };
    this.told.push(order);
    const authenticated = await this.untilAnswered('authenticate', () =>
      tryAsk('POST', `${urls.simulator}/simulator/payments`, { orderId, amount }),
    );
    if (authenticated?.status !== 201 || isAbandoned === true) return;
    const { paymentKey } = authenticated.data as { paymentKey: string };
    order.paymentKey = paymentKey;
    if (isDeclined === true)
      await tryAsk('POST', `${urls.simulator}/simulator/payments/${paymentKey}/abort`, {});
    const confirm = (): Promise<Answer | undefined> =>
      tryAsk('POST', `${urls.api}/api/payments/confirm`, { paymentKey, orderId, amount });
    const first = await this.counted('confirm', confirm);
    if (first?.errorCode === NOTHING_CHARGED && random.next() < DISCOURAGED_SHARE) {
      // It was the only request of this order: what it was told must hold for ever.
      order.payment = 'not-charged';
      return;
    }
    const confirmed = isFinal(first) ? first : await this.untilAnswered('confirm', confirm);
    if (confirmed?.status === 402) order.payment = 'refused';
    if (confirmed?.status !== 200) return;
    order.payment = 'confirmed';
    if (isCanceled === true) await this.cancel(order);
  }

  /** The first line, or everything that is left. */
  private async cancel(order: Told): Promise<void> {
    const { orderId } = order;
    const shown = await this.untilAnswered('show', () =>
      tryAsk('GET', `${this.urls.api}/api/payments/${orderId}`),
    );
    if (shown?.status !== 200) return;
    const lines = shown.data.paymentOrderList as { paymentOrderNo: number }[];
    const first = lines.slice(0, 1).map(({ paymentOrderNo }) => paymentOrderNo);
    const body = {
      cancelReason: 'changed my mind',
      ...(this.random.next() < WHOLE_SHARE ? {} : { paymentOrderNos: first }),
    };
    const headers = { authorization: `Bearer ${this.adminKey}`, 'idempotency-key': randomUUID() };
    const canceled = await this.untilAnswered('cancel', () =>
      tryAsk('POST', `${this.urls.api}/api/payments/${orderId}/cancel`, body, { headers }),
    );
    if (canceled?.status === 200)
      order.canceled.set(canceled.data.cancelId as string, canceled.data.cancelAmount as number);
  }
}

/**
 * Shoppers and an administrator who go on while the system is attacked: they repeat what was not answered, under the same
 * key, as a good client does, and remember what they were told.
 */
export function startShoppers(
  urls: Urls,
  adminKey: string,
  { count, seed }: { count: number; seed: number },
): Shoppers {
  const told: Told[] = [];
  const answers = new Map<string, number>();
  const stopping = new AbortController();
  const { signal } = stopping;
  const going = Array.from({ length: count }, async (_shopper, no) => {
    const random = streamOf(seed, `shopper ${no}`);
    const client = new Client(urls, adminKey, random, signal, told, answers);
    while (!signal.aborted) {
      await client.shop();
      await sleep(random.between(0, THINK_MS_MAX), signal);
    }
  });
  return {
    told,
    answers,
    async stop() {
      stopping.abort();
      await Promise.all(going);
    },
  };
}
