import { randomUUID } from 'node:crypto';
import { sleep } from '#kit/clock';
import type { Random } from './random';

/** What a shopper, or an administrator, was told last about an order. Whatever was told must hold in the end. */
export interface Told {
  orderId: string;
  amount: number;
  /** `confirmed`: 200. `refused`: 402. `nothing`: nothing that binds us. */
  payment: 'nothing' | 'confirmed' | 'refused';
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
const REQUEST_TIMEOUT_MS = 8_000;
const TRIES_MAX = 40;
const TRY_PAUSE_MS = 500;
const THINK_MS_MAX = 400;
const CANCELED_SHARE = 0.25;
const DECLINED_SHARE = 0.1;
const ABANDONED_SHARE = 0.05;
/** Of the cancels: the whole order; the others cancel its first line. */
const WHOLE_SHARE = 0.5;

interface Answer {
  status: number;
  // oxlint-disable-next-line typescript/no-explicit-any -- JSON of any shape
  data: any;
}

/** An answer, or nothing: a fault is in the way, and nobody knows whether the request arrived. */
async function ask(
  method: string,
  url: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Answer | undefined> {
  try {
    const response = await fetch(url, {
      method,
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      headers: { 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const answer = (await response.json()) as { data?: unknown };
    return { status: response.status, data: answer.data ?? answer };
  } catch {
    return undefined;
  }
}

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

  /** Until an answer is final: not lost, not "later", not "busy". */
  private async untilAnswered(
    what: string,
    send: () => Promise<Answer | undefined>,
  ): Promise<Answer | undefined> {
    for (let tries = 0; tries < TRIES_MAX && !this.signal.aborted; tries += 1) {
      const answer = await send();
      const kind = `${what} ${answer?.status ?? 'unanswered'}`;
      this.answers.set(kind, (this.answers.get(kind) ?? 0) + 1);
      if (answer !== undefined && answer.status < 500 && ![202, 409, 429].includes(answer.status))
        return answer;
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
      ask('POST', `${urls.api}/api/payments/checkout`, { productNos }, key),
    );
    if (made?.status !== 201) return;
    const { orderId, amount } = made.data as { orderId: string; amount: number };
    const order: Told = { orderId, amount, payment: 'nothing', paymentKey: null, canceled: new Map() };
    this.told.push(order);
    const authenticated = await this.untilAnswered('authenticate', () =>
      ask('POST', `${urls.simulator}/simulator/payments`, { orderId, amount }),
    );
    if (authenticated?.status !== 201 || isAbandoned === true) return;
    const { paymentKey } = authenticated.data as { paymentKey: string };
    order.paymentKey = paymentKey;
    if (isDeclined === true)
      await ask('POST', `${urls.simulator}/simulator/payments/${paymentKey}/abort`, {});
    const confirmed = await this.untilAnswered('confirm', () =>
      ask('POST', `${urls.api}/api/payments/confirm`, { paymentKey, orderId, amount }),
    );
    if (confirmed?.status === 402) order.payment = 'refused';
    if (confirmed?.status !== 200) return;
    order.payment = 'confirmed';
    if (isCanceled === true) await this.cancel(order);
  }

  /** The first line, or everything that is left. */
  private async cancel(order: Told): Promise<void> {
    const { orderId } = order;
    const shown = await this.untilAnswered('show', () =>
      ask('GET', `${this.urls.api}/api/payments/${orderId}`, undefined),
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
      ask('POST', `${this.urls.api}/api/payments/${orderId}/cancel`, body, headers),
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
  { count, random }: { count: number; random: Random },
): Shoppers {
  const told: Told[] = [];
  const answers = new Map<string, number>();
  const stopping = new AbortController();
  const { signal } = stopping;
  const client = new Client(urls, adminKey, random, signal, told, answers);
  const going = Array.from({ length: count }, async () => {
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
