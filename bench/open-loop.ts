/** Beyond it arrivals wait for an answer; the wait counts, since latency begins at the intended start. */
const UNDER_WAY_MAX = 5_000;

export interface Arrivals {
  perSecond: number;
  arrivals: 'even' | 'poisson';
}

/** Both on the clock of `performance.now()`. */
export interface LoopLimits {
  endMs: number;
  countMax: number;
}

/**
 * Begins work at a rate, whether or not earlier work has ended, and waits for the last of it.
 *
 * @param begin gets the moment at which it was meant to begin, ms on the clock of `performance.now()`
 * @returns how long after its moment work was begun at most, ms
 */
export async function openLoop(
  { perSecond, arrivals }: Arrivals,
  begin: (startMs: number) => Promise<void>,
  { endMs, countMax }: LoopLimits,
): Promise<number> {
  const meanMs = 1_000 / perSecond;
  const nextMs = (): number => (arrivals === 'even' ? meanMs : -Math.log(1 - Math.random()) * meanMs);
  const underWay = new Set<Promise<void>>();
  let dueMs = performance.now();
  let lateMs = 0;
  for (let begun = 0; begun < countMax && dueMs < endMs; begun += 1) {
    const waitMs = dueMs - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    while (underWay.size >= UNDER_WAY_MAX) await Promise.race(underWay);
    lateMs = Math.max(lateMs, performance.now() - dueMs);
    const one: Promise<void> = begin(dueMs).finally(() => underWay.delete(one));
    underWay.add(one);
    dueMs += nextMs();
  }
  await Promise.all(underWay);
  return lateMs;
}
