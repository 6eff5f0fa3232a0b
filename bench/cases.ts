import { BACKLOG_CASES } from './backlog.cases';
import type { BenchCase } from './case';
import { LATENCY_CASES } from './latency.cases';
import { PURCHASE_CASES } from './purchases.cases';

/** Every case of `npm run bench`, in the order of the report. */
export const CASES: readonly BenchCase[] = [...PURCHASE_CASES, ...LATENCY_CASES, ...BACKLOG_CASES];
