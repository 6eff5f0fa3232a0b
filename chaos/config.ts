import { z } from 'zod';
import { readOptions } from '#kit/arguments';
import { ConfigError } from '#kit/config';

const USAGE = `npm run chaos [-- --minutes N] [--hits N] [--seed N] [--shoppers N] [--only TEXT] [--json]
Brings up a system of its own, attacks it for so many minutes (30) under the load of so many shoppers (4), one fault after
the other, and judges what is left. --hits goes on until so many faults were hit, and fails without them. --seed repeats the order of faults of an earlier run; --only takes those whose name holds
the text ("SIGKILL", "link to mysql"). Exit 1 when a won was lost, or something was not shown.`;

export interface ChaosArguments {
  /** How long faults are injected. */
  minutes: number;
  /** It goes on until so many faults were hit; a run with fewer fails. */
  hitsMin: number;
  seed: number;
  shoppers: number;
  /** Only faults whose name holds this. */
  only: string | undefined;
  json: boolean;
  env: NodeJS.ProcessEnv;
}

const shape = z.object({
  minutes: z.coerce.number().positive().max(600).default(30),
  hits: z.coerce.number().int().nonnegative().max(1_000).default(0),
  seed: z.coerce.number().int().nonnegative().optional(),
  shoppers: z.coerce.number().int().min(1).max(50).default(4),
  only: z.string().optional(),
  json: z.boolean().default(false),
});

/** The command line. @throws ConfigError, UsageError */
export function chaosArguments(args: string[], env: NodeJS.ProcessEnv = process.env): ChaosArguments {
  const { values } = readOptions(
    {
      args,
      options: {
        minutes: { type: 'string' },
        hits: { type: 'string' },
        seed: { type: 'string' },
        shoppers: { type: 'string' },
        only: { type: 'string' },
        json: { type: 'boolean' },
      },
    },
    USAGE,
  );
  const result = shape.safeParse(values);
  if (!result.success)
    throw new ConfigError(
      result.error.issues.map(({ path, message }) => `--${path.join('.')}: ${message}`).join('\n'),
    );
  const { hits: hitsMin, seed = Math.floor(Math.random() * 2 ** 31), only, ...rest } = result.data;
  return { ...rest, hitsMin, seed, only, env };
}

/** What a run within `npm test` hands to its own system. */
export const environmentOfTests = (env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv => ({ ...env });
