import { isIP } from 'node:net';
import { z } from 'zod';

/** The configuration is wrong; `message` names every bad variable at once. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/**
 * Validates environment variables against a zod object schema whose keys are the variables' names.
 *
 * @throws ConfigError listing every variable that is missing or malformed. Values are not repeated: they may be secrets.
 */
export function readConfig<S extends z.ZodObject>(schema: S, env: NodeJS.ProcessEnv): z.output<S> {
  const blankIsAbsent = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const result = schema.safeParse(blankIsAbsent);
  if (result.success) return result.data;
  const lines = result.error.issues.map((issue) => `  ${issue.path.join('.')}: ${issue.message}`);
  throw new ConfigError(`configuration is not valid:\n${lines.join('\n')}`);
}

/** A TCP port; 0 asks the system for a free one. */
export const port = (byDefault: number) => z.coerce.number().int().min(0).max(65_535).default(byDefault);

export const positiveInt = (byDefault: number) => z.coerce.number().int().positive().default(byDefault);

/** A comma-separated list without blanks. */
export const list = (byDefault: string) =>
  z
    .string()
    .default(byDefault)
    .transform((text) =>
      text
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== ''),
    );

export const flag = (byDefault: boolean) =>
  z
    .enum(['true', 'false', '1', '0'])
    .default(byDefault ? 'true' : 'false')
    .transform((text) => text === 'true' || text === '1');

/** A mobile network puts many shoppers behind one address; one that asks ten times a second is no shopper. */
const RATE_LIMIT_DEFAULT = 600;

/** An address, or a network in CIDR notation. */
function isNetwork(text: string): boolean {
  const [, address = '', bits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const family = isIP(address);
  return family !== 0 && Number(bits ?? 0) <= (family === 4 ? 32 : 128);
}

/** Of a service with clients: how often one may ask, and whose word about who a client is counts. */
export const clientShape = {
  RATE_LIMIT_PER_MINUTE: z.coerce.number().int().nonnegative().default(RATE_LIMIT_DEFAULT),
  TRUSTED_PROXIES: list('').refine(
    (all) => all.every(isNetwork),
    'must be addresses or networks (10.0.0.0/8)',
  ),
} as const;
