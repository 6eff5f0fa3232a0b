import { z } from 'zod';
import { positiveInt, port, readConfig } from '#kit/config';
import { brokersOf, kafkaShape, type KafkaSettings } from '#kit/kafka.config';

const SSL_MODES = ['disabled', 'preferred', 'required', 'verify_ca', 'verify_identity'] as const;

const shape = z.object({
  ...kafkaShape,
  CONNECT_PORT: port(8083),
  CONNECT_URL: z.url().optional(),
  CONNECT_USERNAME: z.string().optional(),
  CONNECT_PASSWORD: z.string().optional(),
  MYSQL_PORT: port(3306),
  CDC_DATABASE_HOST: z.string().default('127.0.0.1'),
  CDC_DATABASE_PORT: z.coerce.number().int().min(1).max(65_535).optional(),
  CDC_DATABASE_SSL_MODE: z.enum(SSL_MODES).default('preferred'),
  CONNECT_KAFKA_BROKERS: z.string().optional(),
  KAFKA_REPLICATION_FACTOR: positiveInt(1),
});

export interface ConnectSettings {
  /** Base of Kafka Connect's REST API. */
  url: string;
  username: string | undefined;
  password: string | undefined;
  kafka: KafkaSettings;
  replicationFactor: number;
  /** What stands for the `{{…}}` of the connector files: places as Kafka Connect sees them. */
  placeholders: Record<string, string>;
  /** Where the connector files are, if not in `connectors/`. */
  connectorsDir?: string;
}

/** @throws ConfigError */
export function connectSettings(env: NodeJS.ProcessEnv = process.env): ConnectSettings {
  const config = readConfig(shape, env);
  return {
    url: (config.CONNECT_URL ?? `http://127.0.0.1:${config.CONNECT_PORT}`).replace(/\/$/, ''),
    username: config.CONNECT_USERNAME,
    password: config.CONNECT_PASSWORD,
    kafka: config,
    replicationFactor: config.KAFKA_REPLICATION_FACTOR,
    placeholders: {
      CDC_DATABASE_HOST: config.CDC_DATABASE_HOST,
      CDC_DATABASE_PORT: String(config.CDC_DATABASE_PORT ?? config.MYSQL_PORT),
      CDC_DATABASE_SSL_MODE: config.CDC_DATABASE_SSL_MODE,
      CONNECT_KAFKA_BROKERS: config.CONNECT_KAFKA_BROKERS ?? brokersOf(config).join(','),
      KAFKA_REPLICATION_FACTOR: String(config.KAFKA_REPLICATION_FACTOR),
    },
  };
}
