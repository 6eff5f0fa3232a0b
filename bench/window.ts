import { sleep } from '#kit/clock';
import { CommandError } from '#ops/command';
import { throwIfInterrupted } from '#stack/errors';
import { LINES_PER_ORDER, PRODUCT_NOS } from './catalog';
import type { BenchContext } from './context';
import {
  errorCounts,
  purchasesPerSecond,
  requireFewErrors,
  type LoadPlan,
  type LoadSamples,
} from './load.plan';
import { cpuBetween, memoryOf, type PerRole } from './processes';
import type { SystemUnderTest } from './system-under-test';

/** The JVMs compile what is hot, caches and files are filled. */
const WARM_UP_S = 30;
const WARM_UP_ERRORS_MAX = 0.5;
const ERRORS_MAX = 0.05;
const SETTLE_TIMEOUT_MS = 300_000;
const SETTLE_POLL_MS = 50;
/** The last orders of a window: the consumers take each partition in order, so that earlier ones are settled before. */
const ORDERS_WATCHED = 100;
const CONFIRMED = 200;

/** What one measured window has shown. */
export interface LoadWindow {
  purchasesPerSecond: number;
  /** Purchases whose confirm was answered with 200, those after the last second of the window included. */
  purchases: number;
  /** Purchases that failed, each error with its count. */
  errors: [string, number][];
  /** From the last answer until the last orders' settlement was acknowledged, ms. */
  settledAfterMs: number;
  /** CPU of each role from the first purchase until all were settled, ms per purchase. */
  cpuPerPurchase: PerRole;
  /** Resident memory of each role at the end, MiB. */
  memoryMiB: PerRole;
  /** CPU of the load generator, ms per purchase; not part of `cpuPerPurchase`. */
  loadCpuPerPurchase: number;
  samples: LoadSamples;
}

async function isSettled(apiUrl: string, orderId: string): Promise<boolean> {
  const response = await fetch(`${apiUrl}/api/payments/${orderId}`);
  const body = (await response.json()) as { data?: { isWalletDone?: boolean } };
  return body.data?.isWalletDone === true;
}

/** Waits until the last confirmed orders are settled and acknowledged. @throws CommandError after five minutes */
export async function untilSettled(
  apiUrl: string,
  { confirmStatus, orderId }: LoadSamples,
  signal: AbortSignal,
): Promise<void> {
  const deadlineMs = Date.now() + SETTLE_TIMEOUT_MS;
  const confirmed = orderId.filter((_, index) => confirmStatus[index] === CONFIRMED);
  // The newest first: once it is settled, most others are too, and few are asked about twice.
  for (const id of confirmed.slice(-ORDERS_WATCHED).toReversed()) {
    while (!(await isSettled(apiUrl, id))) {
      throwIfInterrupted(signal);
      if (Date.now() > deadlineMs)
        throw new CommandError(`order ${id} is not settled ${SETTLE_TIMEOUT_MS / 1_000} s after the load`);
      await sleep(SETTLE_POLL_MS);
    }
  }
}

/** What every load on a system has in common. */
export const purchasesOf = ({
  apiUrl,
  simulatorUrl,
}: SystemUnderTest): Pick<LoadPlan, 'apiUrls' | 'simulatorUrl' | 'productNos' | 'linesPerOrder'> => ({
  apiUrls: [apiUrl],
  simulatorUrl,
  productNos: PRODUCT_NOS,
  linesPerOrder: LINES_PER_ORDER,
});

/**
 * Warms a system up for `warmUpS` seconds, then loads it with a closed loop and measures.
 *
 * @param apiUrls the payment APIs when it has others than its own
 * @throws CommandError when more than one purchase in twenty fails, or a process is replaced meanwhile
 */
export async function measureWindow(
  context: BenchContext,
  system: SystemUnderTest,
  { apiUrls = [system.apiUrl], warmUpS = WARM_UP_S }: { apiUrls?: string[]; warmUpS?: number } = {},
): Promise<LoadWindow> {
  const { apiUrl } = system;
  const { clients, seconds, signal } = context.options;
  const plan: LoadPlan = { ...purchasesOf(system), apiUrls, shape: { loop: 'closed', clients } };
  const warmUp = await context.load({ ...plan, seconds: warmUpS });
  // A cold system may turn some away; what counts is the window.
  requireFewErrors('warm-up', warmUp, WARM_UP_ERRORS_MAX);
  await untilSettled(apiUrl, warmUp.samples, signal);
  const before = system.processes();
  const timed = { ...plan, seconds };
  const result = await context.load(timed);
  requireFewErrors('measured window', result, ERRORS_MAX);
  const loadedMs = performance.now();
  await untilSettled(apiUrl, result.samples, signal);
  const settledAfterMs = performance.now() - loadedMs;
  const after = system.processes();
  const purchases = result.samples.confirmStatus.filter((status) => status === CONFIRMED).length;
  const cpu = Object.entries(cpuBetween(before, after)).map(([role, ms]) => [role, ms / purchases]);
  return {
    purchasesPerSecond: purchasesPerSecond(timed, result),
    purchases,
    errors: errorCounts(result),
    settledAfterMs,
    cpuPerPurchase: Object.fromEntries(cpu) as PerRole,
    memoryMiB: memoryOf(after),
    loadCpuPerPurchase: result.cpuMs / purchases,
    samples: result.samples,
  };
}
