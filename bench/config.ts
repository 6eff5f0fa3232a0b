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
