import type { RatePlan } from './rate.plan';

/** How events leave without change data capture: out of a table that is polled, or by a producer after the commit. */
export type RelayKind = 'polling' | 'after-commit';

/** Purchases at a rate, on the product's own tables. */
export interface RelayPlan extends Omit<RatePlan, 'simulatorUrl'> {
  kind: RelayKind;
  productNos: readonly number[];
  linesPerOrder: number;
}

/** One element per purchase. */
export interface RelayResult {
  orderId: string[];
  /** Wall clock of the commit's answer, ms since 1970. */
  committedAtMs: number[];
}
