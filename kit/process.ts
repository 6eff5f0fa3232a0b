import type { Logger } from 'pino';
import { ConfigError } from './config';
import { createLog } from './log';
import { Releases } from './releases';
import { watchWallClock } from './wall-clock';

/**
 * Runs a service process: SIGINT and SIGTERM release everything and exit 0; an unforeseen error releases and
 * exits 1, because a process whose state is unknown must not go on handling money. So does a wall clock that was set back:
 * whoever starts the process again has one whose libraries count anew. A release that hangs is cut off after
 * `releaseTimeoutMs`.
 */
export function runUntilSignal(options: {
  log: Logger;
  releases: Releases;
  releaseTimeoutMs: number;
  /**
   * A rejection that nobody waits for and that endangers nothing: the database driver rejects twice when a connection
   * breaks while it is being set up, once to whoever asked for it and once to nobody.
   */
  isForeseen?: (error: unknown) => boolean;
}): {
  fail: (error: unknown) => void;
} {
  const { log, releases, releaseTimeoutMs, isForeseen = () => false } = options;
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
  // Started by a launcher over a channel: a launcher that is gone, however it went, leaves no process behind.
  process.on('disconnect', () => stop(0));
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', (error) => {
    if (isForeseen(error)) log.warn({ err: error }, 'a connection broke while it was set up');
    else fail(error);
  });
  watchWallClock(fail);
  return { fail };
}

export interface ServiceParts {
  log: Logger;
  releases: Releases;
  /** Ends the process: its state is not known any more. */
  fail: (error: unknown) => void;
}

const RELEASE_TIMEOUT_MS = 20_000;

/**
 * A service process from its first line to its last: reads the configuration (a bad one is said in plain words, exit 1),
 * starts, and runs until a signal.
 */
export function runService<C extends { logLevel: string }>(
  service: string,
  readServiceConfig: () => C,
  start: (config: C, parts: ServiceParts) => Promise<void>,
  isForeseen?: (error: unknown) => boolean,
): void {
  let config: C;
  try {
    config = readServiceConfig();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${service}: ${error.message}\n`);
    process.exitCode = 1;
    return;
  }
  const log = createLog(service, config.logLevel);
  const releases = new Releases();
  const { fail } = runUntilSignal({
    log,
    releases,
    releaseTimeoutMs: RELEASE_TIMEOUT_MS,
    ...(isForeseen === undefined ? {} : { isForeseen }),
  });
  start(config, { log, releases, fail }).catch(fail);
}
