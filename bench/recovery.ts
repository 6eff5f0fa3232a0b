import type { LoadSamples } from './load.plan';
import { quantile } from './statistics';

/** One alone may be luck. */
const CALM_SECONDS = 3;

/**
 * Seconds from a window's begin until the first of three seconds in a row whose purchases were all confirmed, their
 * confirms' 99th percentile within `limitMs`. A purchase belongs to the second in which it was meant to begin.
 *
 * @returns `seconds`, the window's whole length, when there are no such three
 */
export function calmAfterS(
  { startMs, confirmMs, error }: LoadSamples,
  { limitMs, seconds }: { limitMs: number; seconds: number },
): number {
  const isCalm = Array.from({ length: seconds }, (_, second) => {
    const ofSecond = [...startMs.keys()].filter((at) => Math.floor((startMs[at] ?? 0) / 1_000) === second);
    const p99 = quantile(
      ofSecond.map((at) => confirmMs[at] ?? 0),
      0.99,
    );
    return ofSecond.every((at) => error[at] === '') && p99 <= limitMs;
  });
  const found = isCalm.findIndex((_, second) => {
    const inRow = isCalm.slice(second, second + CALM_SECONDS);
    return inRow.length === CALM_SECONDS && inRow.every(Boolean);
  });
  return found === -1 ? seconds : found;
}
