import { isAbsolute, join, resolve } from 'node:path';
import { z } from 'zod';
import { port, readConfig } from '#kit/config';
import { DEVELOPMENT_PASSWORDS, USERS } from '#prisma/users';
import { projectFolder } from './project';

export const SERVER_NAMES = ['mysql', 'kafka', 'registry', 'connect'] as const;
export type ServerName = (typeof SERVER_NAMES)[number];

/** The variable that moves each server's port. */
export const PORT_VARIABLE: Record<ServerName, string> = {
  mysql: 'MYSQL_PORT',
  kafka: 'KAFKA_PORT',
  registry: 'REGISTRY_PORT',
  connect: 'CONNECT_PORT',
};

/** MySQL's administrator on the embedded server, as in compose's development default. */
export const ROOT_USER = 'root';
export const ROOT_PASSWORD = '1234';

export interface StackSettings {
  projectDir: string;
  /** Data, logs and process records. */
  stackDir: string;
  /** Parent of the unpacked servers; one folder per content of `pom.xml`. */
  cacheDir: string;
  /** 0 takes a free port, or the one of the server that already runs. */
  ports: Record<ServerName, number>;
  cdcUser: string;
  cdcPassword: string;
  javaHome: string | undefined;
  /** Environment handed to Maven and searched for commands; the servers get a small one of their own. */
  environment: NodeJS.ProcessEnv;
  /**
   * A second door to Kafka for a program that stands in between: Kafka listens on `port` and advertises the
   * other.
   */
  kafkaProxied?: { port: number; advertisedPort: number };
  /** Further options of mysqld, for a server that is to be made to fail. */
  mysqlOptions?: readonly string[];
  /** Where Connect finds Kafka when that is not one of ours. */
  connectBootstrapServers?: string;
  /** Added to Connect's worker settings (security of a foreign Kafka). */
  connectOverrides?: Readonly<Record<string, string>>;
}

const schema = z.object({
  MYSQL_PORT: port(3306),
  KAFKA_PORT: port(9092),
  CONNECT_PORT: port(8083),
  REGISTRY_PORT: port(8085),
  STACK_DIR: z.string().optional(),
  STACK_CACHE_DIR: z.string().optional(),
  CDC_DATABASE_USER: z.string().default(USERS.cdc),
  CDC_DATABASE_PASSWORD: z.string().default(DEVELOPMENT_PASSWORDS.cdc),
  JAVA_HOME: z.string().optional(),
});

/**
 * Settings of the embedded servers from the environment.
 *
 * @throws ConfigError naming every bad variable
 */
export function readStackSettings(env: NodeJS.ProcessEnv = process.env): StackSettings {
  const config = readConfig(schema, env);
  const projectDir = projectFolder();
  const folder = (value: string | undefined, byDefault: string): string => {
    if (value === undefined) return byDefault;
    return isAbsolute(value) ? resolve(value) : resolve(projectDir, value);
  };
  return {
    projectDir,
    stackDir: folder(config.STACK_DIR, join(projectDir, '.stack')),
    cacheDir: folder(config.STACK_CACHE_DIR, join(projectDir, '.stack', 'cache')),
    ports: {
      mysql: config.MYSQL_PORT,
      kafka: config.KAFKA_PORT,
      registry: config.REGISTRY_PORT,
      connect: config.CONNECT_PORT,
    },
    cdcUser: config.CDC_DATABASE_USER,
    cdcPassword: config.CDC_DATABASE_PASSWORD,
    javaHome: config.JAVA_HOME,
    environment: { ...env },
  };
}
