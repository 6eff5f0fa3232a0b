import { sleep as realSleep } from '#kit/clock';

const FIRST_DELAY_MS = 1_000;
const DELAY_MAX_MS = 30_000;
/** After running this long it counts as healthy again, and the next delay starts from the first. */
const HEALTHY_AFTER_MS = 60_000;

/** Something that runs: a server, or a process of ours. */
export interface Run {
  pid: number | undefined;
  /** Resolves when it has ended, with how, in words for the screen ("exit code 1", "SIGKILL", "ended"). */
  ended: Promise<string>;
}

export interface SuperviseSpec {
  name: string;
  /**
   * Starts it; resolves when it runs well. Rejecting counts as one more death. `undefined` = it is not wanted
   * any more (somebody stopped it on purpose): supervision ends.
   */
  start(signal: AbortSignal): Promise<Run | undefined>;
  /** What runs already, when supervision takes it over. */
  running?: Run;
  firstDelayMs?: number;
  delayMaxMs?: number;
  healthyAfterMs?: number;
}

export type SupervisorEvent =
  | { name: string; event: 'died'; how: string; restartInMs: number }
  | { name: string; event: 'start-failed'; error: Error; restartInMs: number }
  | { name: string; event: 'started'; pid: number | undefined; tookMs: number }
  | { name: string; event: 'released' };

export interface Supervisor {
  /** Ends the watching and waits for a start that is under way; does not end what runs. */
  stop(): Promise<void>;
  /** What runs now; undefined while it is down. */
  current(): Run | undefined;
}

/** Delay before the start number `attempt` (from 0) after a death: 1, 2, 4 … 30 s. */
export function restartDelayMs(
  attempt: number,
  firstMs: number = FIRST_DELAY_MS,
  maxMs: number = DELAY_MAX_MS,
): number {
  return Math.min(maxMs, firstMs * 2 ** Math.min(attempt, 30));
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));

/**
 * Keeps something running: when it ends unasked, it is started again after a growing delay. Starts the first
 * run too unless `spec.running` is given. Every event is reported; what ends after `stop()` is not.
 */
export function supervise(
  spec: SuperviseSpec,
  report: (event: SupervisorEvent) => void,
  time: { now: () => number; sleep: typeof realSleep } = { now: Date.now, sleep: realSleep },
): Supervisor {
  const { name, healthyAfterMs = HEALTHY_AFTER_MS } = spec;
  const stopping = new AbortController();
  const { signal } = stopping;
  const stopped = new Promise<undefined>((resolve) =>
    signal.addEventListener('abort', () => resolve(undefined), { once: true }),
  );
  let current = spec.running;
  let attempt = 0;

  const nextDelayMs = (): number => restartDelayMs(attempt++, spec.firstDelayMs, spec.delayMaxMs);

  const watch = async (run: Run): Promise<void> => {
    const sinceMs = time.now();
    const how = await Promise.race([run.ended, stopped]);
    if (how === undefined || signal.aborted) return;
    current = undefined;
    if (time.now() - sinceMs >= healthyAfterMs) attempt = 0;
    const restartInMs = nextDelayMs();
    report({ name, event: 'died', how, restartInMs });
    await time.sleep(restartInMs, signal);
  };

  const loop = async (): Promise<void> => {
    if (current !== undefined) await watch(current);
    while (!signal.aborted) {
      const startedMs = time.now();
      try {
        current = await spec.start(signal);
      } catch (error) {
        if (signal.aborted) return;
        const restartInMs = nextDelayMs();
        report({ name, event: 'start-failed', error: asError(error), restartInMs });
        await time.sleep(restartInMs, signal);
        continue;
      }
      if (current === undefined) return report({ name, event: 'released' });
      report({ name, event: 'started', pid: current.pid, tookMs: time.now() - startedMs });
      await watch(current);
    }
  };

  const done = loop();
  return {
    async stop() {
      stopping.abort();
      await done;
    },
    current: () => current,
  };
}
