import type { Logger } from 'pino';
import type { Releases } from '#kit/releases';

/**
 * Runs a service process: SIGINT and SIGTERM release everything and exit 0; an unforeseen error releases and
 * exits 1, because a process whose state is unknown must not go on handling money. A release that hangs is cut
 * off after `releaseTimeoutMs`.
 */
export function runUntilSignal(options: { log: Logger; releases: Releases; releaseTimeoutMs: number }): {
  fail: (error: unknown) => void;
} {
  const { log, releases, releaseTimeoutMs } = options;
  let stopping = false;
  const stop = (exitCode: number): void => {
    if (stopping) return;
    stopping = true;
    const cutOff = setTimeout(() => {
      log.error({ releaseTimeoutMs }, 'shutdown took too long, exiting');
      process.exit(1);
    }, releaseTimeoutMs);
    void releases.releaseAll(log).then(() => {
      clearTimeout(cutOff);
      process.exit(exitCode);
    });
  };
  const fail = (error: unknown): void => {
    log.fatal({ err: error }, 'unforeseen error, ending the process');
    stop(1);
  };
  process.on('SIGINT', () => stop(0));
  process.on('SIGTERM', () => stop(0));
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);
  return { fail };
}
