import { sleep } from '#kit/clock';
import { failureOf, isRunning } from './apply';
import type { ConnectSettings } from './config';
import { readDefinitions } from './definition';
import { ConnectError, getStatus, restart } from './rest';

const LOOK_MS = 3_000;
const FIRST_DELAY_MS = 2_000;
const DELAY_MAX_MS = 60_000;
/** A task runs for a moment before it fails of the same record again; only this long is a recovery. */
const HEALTHY_AFTER_MS = 60_000;

export type WatchEvent =
  | { name: string; event: 'failed'; reason: string; restartInMs: number }
  | { name: string; event: 'running' }
  | { name: string; event: 'not-watched'; reason: string };

export interface Watch {
  stop(): Promise<void>;
}

/**
 * Restarts a connector, or a task of it, that has FAILED: Kafka Connect itself leaves it so for ever. The delay grows with
 * each failure in a row. A connector that is absent, paused or stopped is somebody's wish and is left alone; a Connect that
 * does not answer is for whoever watches that.
 */
export function watchConnectors(settings: ConnectSettings, report: (event: WatchEvent) => void): Watch {
  const stopping = new AbortController();
  const { signal } = stopping;
  const failuresInARow = new Map<string, number>();
  /** Since when those that have failed run again. */
  const runningSinceMs = new Map<string, number>();

  const noteRunning = (name: string): void => {
    if (!failuresInARow.has(name)) return;
    const sinceMs = runningSinceMs.get(name);
    if (sinceMs === undefined) {
      runningSinceMs.set(name, performance.now());
      report({ name, event: 'running' });
    } else if (performance.now() - sinceMs > HEALTHY_AFTER_MS) {
      failuresInARow.delete(name);
      runningSinceMs.delete(name);
    }
  };

  const look = async (name: string): Promise<void> => {
    const status = await getStatus(settings, name);
    if (status === undefined) return;
    const failure = failureOf(status);
    if (failure === '') {
      if (isRunning(status)) noteRunning(name);
      return;
    }
    const failures = failuresInARow.get(name) ?? 0;
    failuresInARow.set(name, failures + 1);
    runningSinceMs.delete(name);
    const restartInMs = Math.min(FIRST_DELAY_MS * 2 ** failures, DELAY_MAX_MS);
    report({ name, event: 'failed', reason: failure, restartInMs });
    await sleep(restartInMs, signal);
    if (!signal.aborted) await restart(settings, name, true);
  };

  const names = readDefinitions(settings.placeholders, settings.connectorsDir).map(({ name }) => name);
  const done = (async () => {
    while (!signal.aborted) {
      for (const name of names) {
        try {
          await look(name);
        } catch (error) {
          // A Connect that does not answer is for whoever watches that; anything else is said, and the watch goes on.
          if (!(error instanceof ConnectError)) report({ name, event: 'not-watched', reason: String(error) });
        }
      }
      await sleep(LOOK_MS, signal);
    }
  })();
  return {
    async stop() {
      stopping.abort();
      await done;
    },
  };
}
