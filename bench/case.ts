import type { BenchContext } from './context';
import type { Measurement } from './measurement';
import { spreadOf, type Spread } from './statistics';

/** The ratio that a case must reach (`at-least`) or must not exceed (`at-most`). */
export interface Bar {
  kind: 'at-least' | 'at-most';
  ratio: number;
}

/** One run of a case: both sides in the same unit, measured minutes apart. */
export interface CaseRun {
  measured: number;
  rival: number;
  /** measured ÷ rival. */
  ratio: number;
}

/** A comparison within one run; numbers of different runs or machines are never compared. */
export interface BenchCase {
  /** As on the command line. */
  name: string;
  title: string;
  /** What the two sides are. */
  measured: string;
  rival: string;
  /** Unit of both sides, as in "purchases/s". */
  unit: string;
  bar: Bar;
  /** What is measured before `run` is called, in alternating order. */
  needs: readonly Measurement<unknown>[];
  /** Runs only when it is named: it takes many minutes. */
  isLong?: boolean;
  /** @throws CommandError when it cannot be measured: the case fails with that reason */
  run(context: BenchContext): Promise<CaseRun>;
}

export interface CaseResult {
  case: BenchCase;
  runs: CaseRun[];
  /** Of the ratios; absent when the case could not be measured. */
  spread?: Spread;
  /** Why the case could not be measured. */
  failure?: string;
  passed: boolean;
}

export const caseRun = (measured: number, rival: number): CaseRun => ({
  measured,
  rival,
  ratio: measured / rival,
});

/** Does a ratio reach the bar? */
export const reaches = (ratio: number, { kind, ratio: bar }: Bar): boolean =>
  kind === 'at-least' ? ratio >= bar : ratio <= bar;

/** The verdict is that of the median ratio. A case without runs, or with a failure, has not passed. */
export function resultOf(benchCase: BenchCase, runs: CaseRun[], failure?: string): CaseResult {
  if (failure !== undefined || runs.length === 0)
    return { case: benchCase, runs, failure: failure ?? 'not measured', passed: false };
  const spread = spreadOf(runs.map(({ ratio }) => ratio));
  return { case: benchCase, runs, spread, passed: reaches(spread.median, benchCase.bar) };
}
