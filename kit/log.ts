import pino, { type DestinationStream, type Logger, type LoggerOptions } from 'pino';

export type { Logger } from 'pino';

/** Credentials, and what is a card holder's: none of it reaches a log line, whatever object is logged. */
const SECRET_NAMES = new Set([
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
]);
const DEPTH_MAX = 4;

/** Requests, responses and errors are no plain objects: their serializers choose what is logged of them. */
function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null || Array.isArray(value);
}

/**
 * The fields of a log line without secrets, which are looked for in nested objects, too. pino's own redaction goes by paths,
 * and costs more per line than all the rest of logging.
 */
function redacted(fields: Record<string, unknown>, depth = 1): Record<string, unknown> {
  let copy: Record<string, unknown> | undefined;
  for (const name of Object.keys(fields)) {
    const value = fields[name];
    const shown = SECRET_NAMES.has(name)
      ? '[redacted]'
      : isPlain(value) && depth < DEPTH_MAX
        ? redacted(value, depth + 1)
        : value;
    if (shown !== value)
      (copy ??= Array.isArray(fields) ? ([...fields] as never) : { ...fields })[name] = shown;
  }
  return copy ?? fields;
}

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
    formatters: { level: (label) => ({ level: label }), log: (fields) => redacted(fields) },
    serializers: { err: (error: Error) => redacted({ ...pino.stdSerializers.err(error) }) },
  };
  return pino(options, destination);
}
