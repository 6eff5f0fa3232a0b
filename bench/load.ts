import { startChild, type Child } from './child';
import type { LoadPlan, LoadResult } from './load.plan';

/** The load generator's process. */
export type Load = Child<LoadPlan, LoadResult>;

/** Starts the load generator. */
export const startLoad = (): Load => startChild('load.worker');
