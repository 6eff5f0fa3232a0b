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

  const counted = async (what: string, answer: Promise<Answer | undefined>): Promise<Answer | undefined> => {
    const given = await answer;
    const kind = `${what} ${given?.status ?? 'unanswered'}`;
    answers.set(kind, (answers.get(kind) ?? 0) + 1);
    return given;
  };
  /** Until an answer is final: not lost, not "later", not "busy". */
  const untilAnswered = async (
    what: string,
    send: () => Promise<Answer | undefined>,
  ): Promise<Answer | undefined> => {
    for (let tries = 0; tries < TRIES_MAX && !signal.aborted; tries += 1) {
      const answer = await counted(what, send());
      const isFinal = answer !== undefined && answer.status < 500 && ![202, 409, 429].includes(answer.status);
      if (isFinal) return answer;
      await sleep(TRY_PAUSE_MS, signal);
    }
    return undefined;
  };

  async function shop(): Promise<void> {
    const productNos = Array.from({ length: random.between(1, LINES_MAX) }, () => random.pick(PRODUCTS));
    const isDeclined = random.next() < DECLINED_SHARE;
    const isAbandoned = random.next() < ABANDONED_SHARE;
    const isCanceled = random.next() < CANCELED_SHARE;
    const key = { 'idempotency-key': randomUUID() };
    const made = await untilAnswered('checkout', () =>
      ask('POST', `${urls.api}/api/payments/checkout`, { productNos }, key),
    );
    if (made?.status !== 201) return;
    const { orderId, amount } = made.data as { orderId: string; amount: number };
    const order: Told = { orderId, amount, payment: 'nothing', paymentKey: null, canceled: new Map() };
    told.push(order);
    const authenticated = await untilAnswered('authenticate', () =>
      ask('POST', `${urls.simulator}/simulator/payments`, { orderId, amount }),
    );
    if (authenticated?.status !== 201 || isAbandoned) return;
    const { paymentKey } = authenticated.data as { paymentKey: string };
    order.paymentKey = paymentKey;
    if (isDeclined) await ask('POST', `${urls.simulator}/simulator/payments/${paymentKey}/abort`, {});
    const confirmed = await untilAnswered('confirm', () =>
      ask('POST', `${urls.api}/api/payments/confirm`, { paymentKey, orderId, amount }),
    );
    if (confirmed?.status === 402) order.payment = 'refused';
    if (confirmed?.status !== 200) return;
    order.payment = 'confirmed';
    if (isCanceled) await cancel(order);
  }

  /** The first line, or everything that is left. */
  async function cancel(order: Told): Promise<void> {
    const { orderId } = order;
    const shown = await untilAnswered('show', () =>
      ask('GET', `${urls.api}/api/payments/${orderId}`, undefined),
    );
    if (shown?.status !== 200) return;
    const lines = shown.data.paymentOrderList as { paymentOrderNo: number }[];
    const whole = random.next() < 0.5;
    const body = {
      cancelReason: 'changed my mind',
      ...(whole ? {} : { paymentOrderNos: lines.slice(0, 1).map(({ paymentOrderNo }) => paymentOrderNo) }),
    };
    const headers = { authorization: `Bearer ${adminKey}`, 'idempotency-key': randomUUID() };
    const canceled = await untilAnswered('cancel', () =>
      ask('POST', `${urls.api}/api/payments/${orderId}/cancel`, body, headers),
    );
    if (canceled?.status === 200)
      order.canceled.set(canceled.data.cancelId as string, canceled.data.cancelAmount as number);
  }

  const going = Array.from({ length: count }, async () => {
    while (!signal.aborted) {
      await shop();
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
