import { request } from 'undici';
import { z } from 'zod';
import type { Clock } from '#kit/clock';
import type { Logger } from '#kit/log';
import { kstLocalText } from '../kst';
import { paymentView } from '../payment.view';
import type { Payment } from '../payments';

/** Toss waits this long before each of its seven further tries (docs.tosspayments.com/guides/webhook). */
export const RETRY_MINUTES = [1, 4, 16, 64, 256, 1024, 4096] as const;
const MINUTE_MS = 60_000;
const ANSWER_TIMEOUT_MS = 10_000;
/** With `shuffle`, events that come within this time are sent newest first. */
const SHUFFLE_MS = 200;
/** Deliveries under way or waiting; beyond it new events are not sent and that is logged. */
const WAITING_MAX = 10_000;
const SHOWN_MAX = 1000;

export const webhookSchema = z.strictObject({
  /** Absent: no webhooks. */
  url: z
    .url({ protocol: /^https?$/ })
    .max(2000)
    .optional(),
  /** Factor on the waits between tries: 0.001 turns a minute into 60 ms. */
  timeScale: z.number().min(0).max(1).default(1),
  /** How many times more than once each event is sent. */
  duplicates: z.number().int().min(0).max(10).default(0),
  /** Send the events of a short while in the wrong order. */
  shuffle: z.boolean().default(false),
});

export type WebhookSettings = z.output<typeof webhookSchema>;

/** One try of one event. */
export interface Delivery {
  paymentKey: string;
  status: string;
  /** 1 is the first. */
  attempt: number;
  /** HTTP status, null without an answer. */
  answered: number | null;
  at: string;
}

interface Event {
  paymentKey: string;
  status: string;
  body: string;
}

/**
 * Sends PAYMENT_STATUS_CHANGED until it is answered with 200. Waiting tries are lost when the process ends.
 */
export class Webhooks {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #closing: AbortSignal;
  #settings: WebhookSettings;
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #gathered: Event[] = [];
  readonly #tries: Delivery[] = [];
  #underWay = 0;

  constructor(options: { clock: Clock; log: Logger; closing: AbortSignal; url: string | undefined }) {
    this.#clock = options.clock;
    this.#log = options.log;
    this.#closing = options.closing;
    this.#settings = webhookSchema.parse(options.url === undefined ? {} : { url: options.url });
    options.closing.addEventListener('abort', () => this.#forget(), { once: true });
  }

  /** Events that wait for another try go to the new address. */
  set(settings: WebhookSettings): void {
    this.#settings = settings;
  }

  state(): { webhooks: WebhookSettings; waiting: number; deliveries: Delivery[] } {
    const waiting = this.#timers.size + this.#gathered.length + this.#underWay;
    return { webhooks: this.#settings, waiting, deliveries: this.#tries };
  }

  /** The payment has changed: tell the shop, without waiting for it. */
  notify(payment: Payment): void {
    const { url, duplicates, shuffle } = this.#settings;
    if (url === undefined || this.#closing.aborted) return;
    if (this.state().waiting + duplicates >= WAITING_MAX) {
      this.#log.warn(
        { paymentKey: payment.paymentKey, waitingMax: WAITING_MAX },
        'too many webhooks are waiting',
      );
      return;
    }
    const createdAt = kstLocalText(this.#clock().getTime());
    const event: Event = {
      paymentKey: payment.paymentKey,
      status: payment.status,
      body: JSON.stringify({ eventType: 'PAYMENT_STATUS_CHANGED', createdAt, data: paymentView(payment) }),
    };
    const copies = Array.from({ length: 1 + duplicates }, () => event);
    if (!shuffle) {
      for (const copy of copies) void this.#try(copy, 1);
      return;
    }
    if (this.#gathered.length === 0) this.#later(SHUFFLE_MS, () => void this.#sendGathered());
    this.#gathered.push(...copies);
  }

  /** One after the other, so that the wrong order is the order of arrival too. */
  async #sendGathered(): Promise<void> {
    for (const event of this.#gathered.splice(0).toReversed()) await this.#try(event, 1);
  }

  async #try(event: Event, attempt: number): Promise<void> {
    const { url, timeScale } = this.#settings;
    if (url === undefined || this.#closing.aborted) return;
    this.#underWay += 1;
    const answered = await this.#post(url, event.body);
    this.#underWay -= 1;
    const { paymentKey, status } = event;
    this.#tries.push({ paymentKey, status, attempt, answered, at: this.#clock().toISOString() });
    if (this.#tries.length > SHOWN_MAX) this.#tries.shift();
    if (answered === 200 || this.#closing.aborted) return;
    const minutes = RETRY_MINUTES[attempt - 1];
    this.#log.info({ paymentKey, status, attempt, answered, minutes }, 'webhook was not taken');
    if (minutes === undefined) return;
    this.#later(minutes * MINUTE_MS * timeScale, () => void this.#try(event, attempt + 1));
  }

  /** @returns the HTTP status, or null when no answer came in time. */
  async #post(url: string, body: string): Promise<number | null> {
    try {
      const { statusCode, body: answer } = await request(url, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json' },
        signal: AbortSignal.any([this.#closing, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]),
      });
      await answer.dump();
      return statusCode;
    } catch (error) {
      this.#log.debug({ err: error, url }, 'webhook was not answered');
      return null;
    }
  }

  /** A timer that neither keeps the process alive nor outlives the simulator. */
  #later(ms: number, run: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      run();
    }, ms);
    timer.unref();
    this.#timers.add(timer);
  }

  #forget(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#gathered.length = 0;
  }
}
