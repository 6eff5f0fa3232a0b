import { Kafka, logLevel, type KafkaConfig, type LogEntry, type SASLOptions } from 'kafkajs';
import type { Logger } from 'pino';
import { brokersOf, type KafkaSettings } from './kafka.config';

export { brokersOf, kafkaShape, type KafkaSettings } from './kafka.config';

const CONNECTION_TIMEOUT_MS = 5_000;
/** kafkajs gives joining a group more by itself. */
const REQUEST_TIMEOUT_MS = 10_000;

function saslOf(settings: KafkaSettings): SASLOptions | undefined {
  const {
    KAFKA_SASL_MECHANISM: mechanism,
    KAFKA_SASL_USERNAME: username = '',
    KAFKA_SASL_PASSWORD: password = '',
  } = settings;
  return mechanism === undefined ? undefined : { mechanism, username, password };
}

/** kafkajs reports conditions that pass by themselves (a broker still loading) as errors; they stay visible as warnings. */
function logTo(log: Logger): NonNullable<KafkaConfig['logCreator']> {
  return () => (entry: LogEntry) => {
    const { message, timestamp: _timestamp, logger: _logger, ...details } = entry.log;
    const line = { kafkajs: entry.namespace, ...details };
    if (entry.level === logLevel.ERROR) log.warn(line, message);
    else log.debug(line, message);
  };
}

/** Reconnecting goes on for as long as a service lives; see the consumer loop for what ends it. */
const SERVICE_RETRIES = 8;

/**
 * A Kafka client. It is asked only for consumers and admins: what is published is first a row in `outbox`.
 *
 * @param retries of a connection or a request; a command gives up sooner than a service
 */
export function createKafka(
  settings: KafkaSettings,
  clientId: string,
  log: Logger,
  retries = SERVICE_RETRIES,
): Kafka {
  const sasl = saslOf(settings);
  return new Kafka({
    clientId,
    brokers: brokersOf(settings),
    ssl: settings.KAFKA_SSL,
    connectionTimeout: CONNECTION_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    retry: { initialRetryTime: 200, maxRetryTime: 5_000, retries },
    logLevel: logLevel.WARN,
    logCreator: logTo(log),
    ...(sasl === undefined ? {} : { sasl }),
  });
}
