import { z } from 'zod';
import { readConfig } from '#kit/config';

const shape = z.object({
  TEST_MYSQL_ROOT_URL: z.string('is set by `npm test`, which brings a MySQL server up'),
});

/** The MySQL server that `npm test` has brought up. @throws ConfigError outside of it */
export function testServer(env: NodeJS.ProcessEnv = process.env): { rootUrl: string } {
  return { rootUrl: readConfig(shape, env).TEST_MYSQL_ROOT_URL };
}
