/** The first look at what the PSP has not said yet comes this soon; every further one waits twice as long. */
const FIRST_CHECK_AFTER_S = 10;
const CHECK_AFTER_S_MAX = 3_600;
/** A webhook during a look brings the next one no sooner: a flood of them costs a lookup every few seconds. */
export const CHECK_AGAIN_AFTER_S = 5;
/** A cancel request that is under way for longer has been dropped by everybody. */
export const LATE_CANCEL_CHECK_AFTER_S = 3_600;

/** Seconds until the PSP is asked again, after `failedCount` looks that brought nothing. */
export function nextCheckAfterS(failedCount: number): number {
  return Math.min(FIRST_CHECK_AFTER_S * 2 ** Math.min(failedCount, 20), CHECK_AFTER_S_MAX);
}
