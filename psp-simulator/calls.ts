/** One request to the `/v1` API, as `GET /simulator/calls` lists it. */
export interface Call {
  readonly method: string;
  /** Path with query, as it was asked. */
  readonly path: string;
  readonly idempotencyKey: string | null;
  readonly orderId: string | null;
  readonly paymentKey: string | null;
  /** HTTP status; of a dropped answer the one that was not sent. */
  readonly status: number;
  /** Toss's error code, null when the call succeeded. */
  readonly code: string | null;
  /** ISO 8601, UTC. */
  readonly at: string;
  /** The answer was the stored one of the same `Idempotency-Key`. */
  readonly replayed?: true;
  /** The connection was cut instead of answering. */
  readonly dropped?: true;
}

/** The latest calls, oldest first; the oldest are forgotten beyond `callsMax`. */
export class Calls {
  readonly #callsMax: number;
  /** A ring: while it is full, `#next` is both the oldest entry and the one written next. */
  readonly #ring: Call[] = [];
  #next = 0;

  constructor(callsMax: number) {
    this.#callsMax = callsMax;
  }

  add(call: Call): void {
    this.#ring[this.#next] = call;
    this.#next = (this.#next + 1) % this.#callsMax;
  }

  /** All calls kept, or those that concern one order. */
  list(orderId?: string): Call[] {
    const split = this.#ring.length < this.#callsMax ? 0 : this.#next;
    const ordered = [...this.#ring.slice(split), ...this.#ring.slice(0, split)];
    return orderId === undefined ? ordered : ordered.filter((call) => call.orderId === orderId);
  }
}
