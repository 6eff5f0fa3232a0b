/** The value below which `share` of the samples lie, interpolated between neighbours; NaN without samples. */
export function quantile(samples: readonly number[], share: number): number {
  return quantileOfSorted(ascending(samples), share);
}

/** Several quantiles with one sort; in the order of `shares`. */
export function quantiles(samples: readonly number[], shares: readonly number[]): number[] {
  const sorted = ascending(samples);
  return shares.map((share) => quantileOfSorted(sorted, share));
}

export const median = (samples: readonly number[]): number => quantile(samples, 0.5);

export interface Spread {
  median: number;
  min: number;
  max: number;
  /** Median absolute deviation from the median. */
  deviation: number;
}

/** Median with spread; all NaN without samples. */
export function spreadOf(samples: readonly number[]): Spread {
  const middle = median(samples);
  return {
    median: middle,
    min: quantile(samples, 0),
    max: quantile(samples, 1),
    deviation: median(samples.map((sample) => Math.abs(sample - middle))),
  };
}

const ascending = (samples: readonly number[]): number[] => [...samples].sort((a, b) => a - b);

function quantileOfSorted(sorted: readonly number[], share: number): number {
  const at = (sorted.length - 1) * share;
  const below = sorted[Math.floor(at)];
  const above = sorted[Math.ceil(at)];
  if (below === undefined || above === undefined) return Number.NaN;
  return below + (above - below) * (at - Math.floor(at));
}
