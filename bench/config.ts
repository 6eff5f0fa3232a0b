import { z } from 'zod';
import { port, readConfig } from '#kit/config';

const shape = z.object({ PAYMENT_API_PORT: port(8080), PSP_SIMULATOR_PORT: port(8090) });

/** Where the system under measurement answers. @throws ConfigError */
export function benchAddresses(env: NodeJS.ProcessEnv = process.env): {
  apiUrl: string;
  simulatorUrl: string;
} {
  const config = readConfig(shape, env);
  return {
    apiUrl: `http://127.0.0.1:${config.PAYMENT_API_PORT}`,
    simulatorUrl: `http://127.0.0.1:${config.PSP_SIMULATOR_PORT}`,
  };
}

/** A system of the benchmark's own: what this shell says of servers is left out, but not where they are unpacked. */
export function benchEnvironment(
  own: NodeJS.ProcessEnv,
  env: NodeJS.ProcessEnv = process.env,
): NodeJS.ProcessEnv {
  const foreign = /^((PAYMENT|WALLET|OPS|MIGRATOR)_DATABASE_URL|KAFKA_|MYSQL_|SCHEMA_REGISTRY_)/;
  return { ...Object.fromEntries(Object.entries(env).filter(([name]) => !foreign.test(name))), ...own };
}
