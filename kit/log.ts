import pino, { type DestinationStream, type Logger, type LoggerOptions } from 'pino';

export type { Logger } from 'pino';

/** Credentials, and what is a card holder's: none of it reaches a log line, whatever object is logged. */
const SECRET_NAMES = [
  'authorization',
  'cookie',
  'password',
  'secretKey',
  'adminKeys',
  'apiKey',
  'databaseUrl',
  'body',
  'raw',
  'card',
  'cardNumber',
  'virtualAccount',
  'customerEmail',
  'customerName',
  'customerMobilePhone',
];
const DEPTH_MAX = 4;

/** `name`, `*.name`, `*.*.name` …: pino redacts by path. */
const REDACTED_PATHS = SECRET_NAMES.flatMap((name) =>
  Array.from({ length: DEPTH_MAX }, (_unused, depth) => `${'*.'.repeat(depth)}${name}`),
);

/**
 * A JSON logger of one process (pino). `service` stands in every line.
 *
 * @param destination standard output by default
 */
export function createLog(
  service: string,
  level: string,
  destination: DestinationStream = pino.destination(1),
): Logger {
  const options: LoggerOptions = {
    level,
    base: { service, pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: REDACTED_PATHS, censor: '[redacted]' },
  };
  return pino(options, destination);
}
