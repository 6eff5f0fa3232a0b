import { watchWallClock, type WallClockWatch } from './wall-clock';

const HOUR_MS = 3_600_000;
let now = { wall: 0, monotonic: 0 };
let told: string[] = [];
let watch: WallClockWatch;

beforeEach(() => {
  jest.useFakeTimers();
  now = { wall: 1_000_000_000, monotonic: 0 };
  told = [];
  watch = watchWallClock((error) => told.push(error.message), {
    wall: () => now.wall,
    monotonic: () => now.monotonic,
  });
});
afterEach(() => {
  watch.stop();
  jest.useRealTimers();
});

/** A second passes, in which the wall clock was moved by so much. */
function second(movedMs = 0): void {
  now = { wall: now.wall + 1_000 + movedMs, monotonic: now.monotonic + 1_000 };
  jest.advanceTimersByTime(1_000);
}

test('When the wall clock is set back by an hour, then it is told once, with how far', () => {
  second();
  second(-HOUR_MS);
  second();
  expect(told).toEqual([expect.stringContaining(`set back by ${HOUR_MS} ms`)]);
});

test('When it jumps ahead, then nothing; when it comes back from there, then that is back', () => {
  second(HOUR_MS);
  expect(told).toEqual([]);
  second(-HOUR_MS);
  expect(told).toHaveLength(1);
});

test('When it is slewed, or moved by less than anything waits for, then nothing', () => {
  for (let n = 0; n < 100; n += 1) second(-5);
  second(-1_500);
  second(2_000);
  expect(told).toEqual([]);
});

test('When the process stood still for long, then nothing: both clocks went on', () => {
  now = { wall: now.wall + HOUR_MS, monotonic: now.monotonic + HOUR_MS };
  jest.advanceTimersByTime(1_000);
  second();
  expect(told).toEqual([]);
});
