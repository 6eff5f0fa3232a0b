import { CommandError } from '#ops/command';

/** N clients, each of which begins its next purchase when its last one is answered. */
export interface ClosedLoop {
  loop: 'closed';
  clients: number;
}

/** Purchases begin at a rate, whether or not earlier ones are answered. */
export interface OpenLoop {
  loop: 'open';
  purchasesPerSecond: number;
  arrivals: 'even' | 'poisson';
}

export interface LoadPlan {
  /** One or several payment APIs, which take the purchases in turn. */
  apiUrls: readonly string[];
  simulatorUrl: string;
  shape: ClosedLoop | OpenLoop;
  /** No purchase begins after `seconds`, or after `purchases` have begun; at least one is given. */
  seconds?: number;
  purchases?: number;
  /** Each order has `linesPerOrder` of these products. */
  productNos: readonly number[];
  linesPerOrder: number;
}

/** One element per purchase in every array, in the order of completion. */
export interface LoadSamples {
  /** When the purchase was meant to begin, ms from the window's begin. */
  startMs: number[];
  /** From then until checkout was answered. */
  checkoutMs: number[];
  /** From sending confirm until its answer; 0 when confirm was never sent. */
  confirmMs: number[];
  /** When the last answer came, ms from the window's begin. */
  endMs: number[];
  /** HTTP status of each call; 0 when there was none. */
  checkoutStatus: number[];
  authenticateStatus: number[];
  confirmStatus: number[];
  /** `errorCode` of the call that failed, or its reason; empty for a success. */
  error: string[];
  /** Wall clock of confirm's answer, ms since 1970; 0 when confirm was never sent. */
  confirmedAtMs: number[];
  orderId: string[];
}

export interface LoadResult {
  samples: LoadSamples;
  /** From the window's begin until the last answer. */
  elapsedMs: number;
  /** What the load generator itself used. */
  cpuMs: number;
  /** How long after its moment a purchase of an open loop was begun at most: a generator that is too slow. */
  lateMs: number;
}

export const emptySamples = (): LoadSamples => ({
  startMs: [],
  checkoutMs: [],
  confirmMs: [],
  endMs: [],
  checkoutStatus: [],
  authenticateStatus: [],
  confirmStatus: [],
  error: [],
  confirmedAtMs: [],
  orderId: [],
});

/**
 * Purchases per second whose confirm was answered with 200. Of a timed plan only those count that were answered within
 * its seconds: what is still under way at the end belongs to no second.
 */
export function purchasesPerSecond({ seconds }: LoadPlan, { samples, elapsedMs }: LoadResult): number {
  const windowMs = seconds === undefined ? elapsedMs : Math.min(seconds * 1_000, elapsedMs);
  const done = samples.endMs.filter((end, index) => samples.confirmStatus[index] === 200 && end <= windowMs);
  return windowMs === 0 ? 0 : (done.length / windowMs) * 1_000;
}

/** How often each error came, the most frequent first. */
export function errorCounts({ samples }: LoadResult): [string, number][] {
  const counts = new Map<string, number>();
  for (const error of samples.error) if (error !== '') counts.set(error, (counts.get(error) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1]);
}

/** @throws CommandError when more than `shareMax` of the purchases have failed */
export function requireFewErrors(what: string, result: LoadResult, shareMax: number): void {
  const counts = errorCounts(result);
  const failed = counts.reduce((sum, [, count]) => sum + count, 0);
  const all = result.samples.error.length;
  if (all > 0 && failed <= all * shareMax) return;
  const kinds = counts.map(([error, count]) => `${count} × ${error}`).join(', ');
  throw new CommandError(`${what}: ${failed} of ${all} purchases failed (${kinds})`);
}
