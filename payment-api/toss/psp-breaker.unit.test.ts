import { createLog } from '#kit/log';
import { breakerOf } from './psp-breaker';
import type { Psp, PspAnswer } from './toss-client';

const OPEN_MS = 60_000;
/** Fewer are too few to tell. */
const CALLS_MIN = 8;
const log = createLog('test', 'silent');
const NONE: PspAnswer = { kind: 'none', reason: 'time-out' };
const error = (http: number): PspAnswer => ({ kind: 'error', http, code: 'X', message: 'x' });

/** A PSP that answers as told and counts what reaches it. */
function pspAnswering(answer: () => PspAnswer | Promise<PspAnswer>) {
  let calls = 0;
  const call = async (): Promise<PspAnswer> => {
    calls += 1;
    return answer();
  };
  const psp: Psp = { confirm: call, cancel: call, lookUp: call, lookUpOrder: call };
  return { psp, calls: () => calls };
}
const times = async (count: number, call: () => Promise<unknown>): Promise<void> => {
  for (let n = 0; n < count; n += 1) await call();
};

// Time passes only where a test says so.
beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate'] });
});
afterEach(() => {
  jest.useRealTimers();
});

test.each<[string, PspAnswer]>([
  ['no answer', NONE],
  ['errors of the server', error(500)],
  ['"too many requests"', error(429)],
])(
  'When the PSP gives %s again and again, then nothing more is sent and nothing new is begun',
  async (_what, answer) => {
    const { psp, calls } = pspAnswering(() => answer);
    const breaker = breakerOf(psp, { openMs: 60_000, log });
    await times(CALLS_MIN, () => breaker.psp.lookUp('k'));
    expect(breaker.isOpen()).toBe(true);
    expect(breaker.gate()).toEqual(
      expect.objectContaining({
        code: 'PEC0014',
        details: expect.objectContaining({ retryAfterSeconds: 60 }),
      }),
    );
    expect(await breaker.psp.lookUp('k')).toEqual({
      kind: 'none',
      reason: expect.any(String),
      isSent: false,
    });
    expect(calls()).toBe(CALLS_MIN);
  },
);

test('When the PSP refuses cards, or only some calls fail, then it is not taken for down', async () => {
  const refusing = breakerOf(pspAnswering(() => error(403)).psp, { openMs: OPEN_MS, log });
  await times(50, () => refusing.psp.lookUp('k'));
  expect(refusing.gate()).toBeUndefined();
  let n = 0;
  const flaky = breakerOf(pspAnswering(() => ((n += 1) % 3 === 0 ? NONE : error(400))).psp, {
    openMs: OPEN_MS,
    log,
  });
  await times(50, () => flaky.psp.lookUp('k'));
  expect(flaky.isOpen()).toBe(false);
});

test('When one payment’s three calls are lost on a quiet day, then the shop stays open', async () => {
  const { psp } = pspAnswering(() => NONE);
  const breaker = breakerOf(psp, { openMs: OPEN_MS, log });
  await times(3, () => breaker.psp.lookUp('k'));
  expect(breaker.gate()).toBeUndefined();
});

test('When the time is over, then one call tries, and a PSP that is back is used again', async () => {
  let answer: PspAnswer = NONE;
  const { psp, calls } = pspAnswering(() => answer);
  const breaker = breakerOf(psp, { openMs: OPEN_MS, log });
  await times(CALLS_MIN, () => breaker.psp.lookUp('k'));
  jest.advanceTimersByTime(OPEN_MS + 20);
  expect(breaker.gate()).toBeUndefined();
  await breaker.psp.lookUp('k');
  // Still down: shut for another while.
  expect(breaker.gate()).toMatchObject({ code: 'PEC0014' });
  expect(calls()).toBe(CALLS_MIN + 1);
  jest.advanceTimersByTime(OPEN_MS + 20);
  answer = error(404);
  await breaker.psp.lookUp('k');
  expect(breaker.isOpen()).toBe(false);
  expect(breaker.gate()).toBeUndefined();
});

test('While one call tries whether the PSP is back, nothing else is begun, and what is under way waits for it', async () => {
  let answer: () => PspAnswer | Promise<PspAnswer> = () => NONE;
  const { psp, calls } = pspAnswering(() => answer());
  const breaker = breakerOf(psp, { openMs: OPEN_MS, log });
  await times(CALLS_MIN, () => breaker.psp.lookUp('k'));
  jest.advanceTimersByTime(OPEN_MS + 20);
  let tell: (answer: PspAnswer) => void = () => {};
  answer = () => new Promise((resolve) => (tell = resolve));
  const trial = breaker.psp.lookUp('k');
  const others = [breaker.psp.lookUp('k'), breaker.psp.lookUp('k')];
  expect(breaker.gate()).toMatchObject({ code: 'PEC0014' });
  expect(calls()).toBe(CALLS_MIN + 1);
  answer = () => NONE;
  tell(NONE);
  await trial;
  expect(await Promise.all(others)).toEqual([
    expect.objectContaining({ isSent: false }),
    expect.objectContaining({ isSent: false }),
  ]);
  expect(calls()).toBe(CALLS_MIN + 1);
});
