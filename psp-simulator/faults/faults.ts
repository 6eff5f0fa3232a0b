import { z } from 'zod';

export const OPERATIONS = ['confirm', 'lookup', 'cancel', 'transactions'] as const;
export type Operation = (typeof OPERATIONS)[number];

const LATENCY_MS_MAX = 600_000;

/** What can be made to go wrong with the `/v1` API; `{}` is none of it. */
export const faultsSchema = z.strictObject({
  /** Wait this long before the work. */
  latencyMs: z.number().int().min(0).max(LATENCY_MS_MAX).optional(),
  /** Share of matching requests that are worked on, but whose connection is cut instead of answered. */
  dropResponseRate: z.number().min(0).max(1).optional(),
  /** Answer with this error instead of working; a code that Toss does not have is allowed. */
  errorCode: z
    .string()
    .regex(/^[A-Z][A-Z0-9_]{0,99}$/)
    .optional(),
  /** HTTP status of `errorCode`; by default Toss's, or 400 for a code that Toss does not have. */
  errorStatus: z.number().int().min(400).max(599).optional(),
  /** Do the work, then answer with `errorCode` all the same. */
  errorAfterWork: z.boolean().optional(),
  /** Keep matching requests before (`request`) or after (`answer`) the work until they are released. */
  hold: z.enum(['request', 'answer']).optional(),
  /** How many matching requests are hit; without it all are. */
  times: z.number().int().min(1).optional(),
  /** Only requests that concern this order. */
  orderId: z.string().min(1).max(64).optional(),
  /** Only these calls. */
  operations: z.array(z.enum(OPERATIONS)).min(1).optional(),
});

export type FaultSettings = z.output<typeof faultsSchema>;

/** The fault that hits one request. */
export interface Fault {
  latencyMs: number;
  drop: boolean;
  error: { code: string; status: number | undefined; afterWork: boolean } | undefined;
  hold: 'request' | 'answer' | undefined;
}

export interface Subject {
  operation: Operation;
  method: string;
  path: string;
  orderId: string | null;
  paymentKey: string | null;
}

const NO_FAULT: Fault = { latencyMs: 0, drop: false, error: undefined, hold: undefined };

/** The faults in force and the requests they hold. They are lost on a restart, by intention. */
export class Faults {
  #settings: FaultSettings = {};
  readonly #random: () => number;
  readonly #held = new Set<{ subject: Subject; point: 'request' | 'answer'; release: () => void }>();

  /** @param random at least 0, below 1 */
  constructor(random: () => number) {
    this.#random = random;
  }

  set(settings: FaultSettings): void {
    this.#settings = settings;
  }

  /** What `GET /simulator/faults` shows: the settings with the remaining `times`, and who is held. */
  state(): { faults: FaultSettings; held: (Subject & { point: string })[] } {
    return {
      faults: this.#settings,
      held: [...this.#held].map(({ subject, point }) => ({ ...subject, point })),
    };
  }

  /** Decides what hits a request, and counts it. */
  take(subject: Subject): Fault {
    const settings = this.#settings;
    if (settings.orderId !== undefined && settings.orderId !== subject.orderId) return NO_FAULT;
    if (settings.operations?.includes(subject.operation) === false) return NO_FAULT;
    if (settings.times === 1) this.#settings = {};
    else if (settings.times !== undefined) this.#settings = { ...settings, times: settings.times - 1 };
    return {
      latencyMs: settings.latencyMs ?? 0,
      drop: settings.dropResponseRate !== undefined && this.#random() < settings.dropResponseRate,
      error:
        settings.errorCode === undefined
          ? undefined
          : {
              code: settings.errorCode,
              status: settings.errorStatus,
              afterWork: settings.errorAfterWork === true,
            },
      hold: settings.hold,
    };
  }

  /** Resolves when the request is released. */
  hold(subject: Subject, point: 'request' | 'answer'): Promise<void> {
    return new Promise((resolve) => {
      const entry = {
        subject,
        point,
        release: () => {
          this.#held.delete(entry);
          resolve();
        },
      };
      this.#held.add(entry);
    });
  }

  /** Lets held requests go on, all of them or those of one order. @returns how many. */
  release(orderId?: string): number {
    const chosen = [...this.#held].filter((one) => orderId === undefined || one.subject.orderId === orderId);
    for (const one of chosen) one.release();
    return chosen.length;
  }
}
