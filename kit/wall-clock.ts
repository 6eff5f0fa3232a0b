/** The wall clock was set back: what libraries count with it stands still until it is where it was. */
export class ClockSetBackError extends Error {
  override readonly name = 'ClockSetBackError';
}

const LOOK_MS = 1_000;
/** Less than a session with the broker by far, and more than a clock is slewed by between two looks. */
const TOLERATED_MS = 2_000;

export interface WallClockWatch {
  stop(): void;
}

/**
 * Looks whether the wall clock is set back, by the clock that only goes forward. kafkajs sends no heartbeat, and cockatiel
 * tries no broken circuit, before the wall clock has passed the moment they have noted: after an hour back, for an hour.
 *
 * @param onSetBack told once of each time, with what is to be said of it
 * @param clocks milliseconds; for tests
 */
export function watchWallClock(
  onSetBack: (error: ClockSetBackError) => void,
  clocks = { wall: () => Date.now(), monotonic: () => performance.now() },
): WallClockWatch {
  let ahead = clocks.wall() - clocks.monotonic();
  const timer = setInterval(() => {
    const now = clocks.wall() - clocks.monotonic();
    const backMs = Math.round(ahead - now);
    ahead = now;
    if (backMs > TOLERATED_MS)
      onSetBack(
        new ClockSetBackError(
          `the wall clock was set back by ${backMs} ms: what counts with it stands still`,
        ),
      );
  }, LOOK_MS);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}
