import { BACKLOG_CASES } from './backlog.cases';
import type { BenchCase } from './case';
import { GROWTH_CASES } from './growth.cases';
import { LATENCY_CASES } from './latency.cases';
import { MEMORY_CASES } from './memory.cases';
import { OVERLOAD_CASES } from './overload.cases';
import { PURCHASE_CASES } from './purchases.cases';
import { RELAY_CASES } from './relays.cases';
import { SCALE_CASES } from './scale.cases';
import { SOAK_CASES } from './soak.cases';
import { START_CASES } from './start.cases';

/** Every case of `npm run bench`, in the order of the report. */
export const CASES: readonly BenchCase[] = [
  ...PURCHASE_CASES,
  ...LATENCY_CASES,
  ...RELAY_CASES,
  ...OVERLOAD_CASES,
  ...SCALE_CASES,
  ...MEMORY_CASES,
  ...START_CASES,
  ...BACKLOG_CASES,
  ...GROWTH_CASES,
  ...SOAK_CASES,
];
