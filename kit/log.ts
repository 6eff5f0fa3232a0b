import pino, { type Logger } from 'pino';

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

/** A JSON logger of one process (pino). `service` stands in every line. */
export function createLog(service: string, level: string): Logger {
  return pino({
    level,
    base: { service, pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: REDACTED_PATHS, censor: '[redacted]' },
  });
}
