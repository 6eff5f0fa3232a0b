import { parseArgs, type ParseArgsConfig } from 'node:util';

/** The command was called wrongly, or was asked how it is called (`isAsked`): the message is the answer. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  constructor(
    message: string,
    readonly isAsked = false,
  ) {
    super(message);
  }
}

/**
 * The command line as `parseArgs` reads it.
 *
 * @throws UsageError for `--help`, and for what the command does not know
 */
export function readOptions<T extends ParseArgsConfig>(
  config: T,
  usage: string,
): ReturnType<typeof parseArgs<T>> {
  const { args = process.argv.slice(2) } = config;
  if (args.includes('--help') || args.includes('-h')) throw new UsageError(usage, true);
  try {
    return parseArgs(config);
  } catch (error) {
    // What follows the first sentence is about a command line that looks like an option.
    const [problem = ''] = (error as Error).message.split(/\. |\n/);
    throw new UsageError(`${problem}.\n${usage}`);
  }
}
