import type { BenchContext } from './context';

/** Something that is measured once in a run, however many cases compare it. */
export interface Measurement<T> {
  /** As in the report's raw samples. */
  name: string;
  /** @throws CommandError when it cannot be measured: every case that needs it fails with that reason */
  take(context: BenchContext): Promise<T>;
}
