import pino, { type Logger, type LoggerOptions } from 'pino';

export type { Logger } from 'pino';

/** Paths that never reach a log line, whatever object is logged. */
const REDACTED_PATHS = [
  'req.headers.authorization',
  'req.headers.cookie',
  'headers.authorization',
  'authorization',
  'password',
  'secretKey',
  '*.password',
  '*.secretKey',
  '*.authorization',
];

/**
 * A JSON logger of one process (pino). `service` stands in every line.
 *
 * @param fd where the lines go: standard output, but standard error for a command whose output is its result
 */
export function createLog(service: string, level: string, fd: 1 | 2 = 1): Logger {
  const options = {
    level,
    base: { service, pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: REDACTED_PATHS, censor: '[redacted]' },
  } satisfies LoggerOptions;
  return fd === 1 ? pino(options) : pino(options, pino.destination({ fd, sync: true }));
}
