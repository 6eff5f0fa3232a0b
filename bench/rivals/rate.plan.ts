import type { Server } from './bare-sql.plan';

/** What a rival does at a rate, on the servers of a running system. */
export interface RatePlan extends Server {
  database: string;
  simulatorUrl: string;
  /** `host:port` */
  kafkaBroker: string;
  perSecond: number;
  seconds: number;
}

/** One element per piece of work, ms. */
export interface RateResult {
  latencyMs: number[];
}

/** What the observer has seen: each order once, with the wall clock's ms. */
export interface CreditsSeen {
  orderId: string[];
  seenAtMs: number[];
}

/** How long it watches. */
export interface ObserverPlan extends Server {
  database: string;
  seconds: number;
}

/** Answers each message of the parent with what `run` makes of it. */
export function answerPlans(run: (plan: never) => Promise<unknown>): void {
  process.on('message', (plan: unknown) => {
    run(plan as never).then(
      (result) => process.send?.({ result }),
      (error: unknown) => process.send?.({ error: String(error) }),
    );
  });
  process.on('disconnect', () => process.exit(0));
}
