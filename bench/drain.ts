import { sleep } from '#kit/clock';
import { CommandError } from '#ops/command';
import { throwIfInterrupted } from '#stack/errors';
import { cpuBetween, type PerRole, type ProcessUse } from './processes';

// How fast a backlog goes through both consumers, by their own counters: one look costs them a few milliseconds.

/** The first time that a backlog is delivered, or once more after it is through. */
export type Delivery = 'first' | 'again';
type Side = 'settled' | 'acknowledged';

const COUNTERS: Record<Delivery, Record<Side, string>> = {
  first: { settled: 'wallet_settled_events_total', acknowledged: 'payment_acknowledged_events_total' },
  again: { settled: 'wallet_repeated_events_total', acknowledged: 'payment_repeated_events_total' },
};
const POLL_MS = 200;
const HALT_MS = 60_000;

/** Looks at both consumers, from the first order on. */
export interface Progress {
  atMs: number[];
  settled: number[];
  acknowledged: number[];
}

export interface Drain {
  settledPerSecond: number;
  acknowledgedPerSecond: number;
  /** CPU of each role from the time that both run until all are through, ms per order. */
  cpuPerOrder: PerRole;
  progress: Progress;
}

export interface DrainOptions {
  /** Of the process that counts each. */
  urls: Record<Side, string>;
  orders: number;
  delivery: Delivery;
  processes: () => ProcessUse[];
  signal: AbortSignal;
}

/** Sum of a counter over its labels in the text of `/metrics`; 0 while it is absent. */
export function counterOf(metrics: string, name: string): number {
  const values = metrics
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .map((line) => Number(line.slice(line.lastIndexOf(' ') + 1)));
  return values.reduce((sum, value) => sum + value, 0);
}

/** What a process has counted; `undefined` while it does not answer. */
async function look(url: string, counter: string): Promise<number | undefined> {
  try {
    const response = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(HALT_MS) });
    return counterOf(await response.text(), counter);
  } catch {
    return undefined;
  }
}

/**
 * Orders per second between the first look that has some and the first that has all. What is in the first look was done
 * before its time is known, and does not count.
 */
export function rateOf(atMs: readonly number[], counts: readonly number[]): number {
  const first = counts.findIndex((count) => count > 0);
  const last = counts.indexOf(counts.at(-1) ?? 0);
  const done = (counts[last] ?? 0) - (counts[first] ?? 0);
  return (done / ((atMs[last] ?? 0) - (atMs[first] ?? 0))) * 1_000;
}

/**
 * Watches the consumers until both have counted every order; they may start meanwhile.
 *
 * @throws CommandError after a minute without progress
 */
export async function watchDrain(options: DrainOptions): Promise<Drain> {
  const { urls, orders, delivery, processes, signal } = options;
  const counters = COUNTERS[delivery];
  const progress: Progress = { atMs: [], settled: [], acknowledged: [] };
  let before: ProcessUse[] = [];
  let [settled, acknowledged] = [0, 0];
  let movedMs = performance.now();
  while (settled < orders || acknowledged < orders) {
    await sleep(POLL_MS);
    throwIfInterrupted(signal);
    const seen = await Promise.all([
      look(urls.settled, counters.settled),
      look(urls.acknowledged, counters.acknowledged),
    ]);
    const nowMs = performance.now();
    if (before.length === 0 && !seen.includes(undefined)) before = processes();
    const isMoving = (seen[0] ?? 0) > settled || (seen[1] ?? 0) > acknowledged;
    if (isMoving) movedMs = nowMs;
    if (nowMs - movedMs > HALT_MS)
      throw new CommandError(
        `of ${orders} orders ${settled} are settled and ${acknowledged} acknowledged, and no more within a minute`,
      );
    [settled, acknowledged] = [seen[0] ?? settled, seen[1] ?? acknowledged];
    progress.atMs.push(Math.round(nowMs));
    progress.settled.push(settled);
    progress.acknowledged.push(acknowledged);
  }
  const cpu = Object.entries(cpuBetween(before, processes())).map(([role, ms]) => [role, ms / orders]);
  return {
    settledPerSecond: rateOf(progress.atMs, progress.settled),
    acknowledgedPerSecond: rateOf(progress.atMs, progress.acknowledged),
    cpuPerOrder: Object.fromEntries(cpu) as PerRole,
    progress,
  };
}
