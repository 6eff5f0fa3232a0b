import { restartDelayMs, supervise, type Run, type SupervisorEvent } from './supervisor';

/** A run that ends when told to. */
function endable(pid: number): Run & { end: (how: string) => void } {
  let end: (how: string) => void = () => undefined;
  const ended = new Promise<string>((resolve) => {
    end = resolve;
  });
  return { pid, ended, end };
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Time that passes only where somebody sleeps. */
function fakeTime() {
  const time = {
    nowMs: 0,
    slept: [] as number[],
    now: () => time.nowMs,
    sleep: async (ms: number): Promise<void> => {
      time.slept.push(ms);
      time.nowMs += ms;
    },
  };
  return time;
}

describe('delay', () => {
  it('When it dies again and again, then the delay doubles up to 30 s', () => {
    const delays = [0, 1, 2, 3, 4, 5, 6, 1000].map((attempt) => restartDelayMs(attempt));
    expect(delays).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  });
});

describe('supervision', () => {
  it('When a run dies, then it is started again and each event is told', async () => {
    const time = fakeTime();
    const events: SupervisorEvent[] = [];
    const first = endable(1);
    const second = endable(2);
    const supervisor = supervise(
      { name: 'x', running: first, start: async () => second },
      (event) => events.push(event),
      time,
    );
    first.end('SIGKILL');
    await settle();
    expect(events).toEqual([
      { name: 'x', event: 'died', how: 'SIGKILL', restartInMs: 1000 },
      { name: 'x', event: 'started', pid: 2, tookMs: 0 },
    ]);
    expect(supervisor.current()).toBe(second);
    await supervisor.stop();
  });

  it('When it dies at once each time, then the delay grows until it ran healthily', async () => {
    const time = fakeTime();
    const runs: ReturnType<typeof endable>[] = [];
    const start = async (): Promise<Run> => {
      const run = endable(runs.length);
      runs.push(run);
      return run;
    };
    const supervisor = supervise({ name: 'x', start }, () => undefined, time);
    for (let death = 0; death < 3; death++) {
      await settle();
      runs.at(-1)?.end('exit code 1');
    }
    await settle();
    time.nowMs += 60_000;
    runs.at(-1)?.end('exit code 1');
    await settle();
    expect(time.slept).toEqual([1000, 2000, 4000, 1000]);
    await supervisor.stop();
  });

  it('When a start fails, then it is told and tried again', async () => {
    const time = fakeTime();
    const events: string[] = [];
    let tries = 0;
    const start = async (): Promise<Run> => {
      tries++;
      if (tries < 3) throw new Error('port taken');
      return endable(3);
    };
    const supervisor = supervise({ name: 'x', start }, ({ event }) => events.push(event), time);
    await settle();
    expect(events).toEqual(['start-failed', 'start-failed', 'started']);
    expect(time.slept).toEqual([1000, 2000]);
    await supervisor.stop();
  });

  it('When supervision was stopped, then a death is nobody’s business', async () => {
    const events: string[] = [];
    const run = endable(1);
    const start = async (): Promise<Run> => endable(2);
    const supervisor = supervise({ name: 'x', running: run, start }, ({ event }) => events.push(event));
    await supervisor.stop();
    run.end('SIGTERM');
    await settle();
    expect(events).toEqual([]);
  });

  it('When the start says that it is not wanted any more, then supervision lets go', async () => {
    const events: string[] = [];
    const run = endable(1);
    const start = async (): Promise<undefined> => undefined;
    supervise({ name: 'x', running: run, start }, ({ event }) => events.push(event), fakeTime());
    run.end('ended');
    await settle();
    expect(events).toEqual(['died', 'released']);
  });
});
