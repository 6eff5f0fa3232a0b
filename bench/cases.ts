import type { BenchCase } from './case';
import { GROWTH_CASES } from './growth.cases';
import { LATENCY_CASES } from './latency.cases';
import { PURCHASE_CASES } from './purchases.cases';
import { RELAY_CASES } from './relays.cases';

/** Every case of `npm run bench`, in the order of the report. */
export const CASES: readonly BenchCase[] = [
  ...PURCHASE_CASES,
  ...LATENCY_CASES,
  ...RELAY_CASES,
  ...GROWTH_CASES,
];
