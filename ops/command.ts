import { RegistryRefusal } from '#contracts/registry';
import { RegistryUnavailableError } from '#contracts/codec';
import { ConfigError } from '#kit/config';
import { DatabaseUrlError } from '#prisma/connection';

/** The command was called wrongly, or cannot go on; the message says what to do. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

const EXPECTED = [CommandError, ConfigError, DatabaseUrlError, RegistryRefusal, RegistryUnavailableError];

export const print = (text: string): void => void process.stdout.write(`${text}\n`);

/**
 * Runs a command and sets its exit status: what `work` returns, or 1 with one clear sentence for an expected failure.
 */
export function runCommand(work: () => Promise<number>): void {
  work().then(
    (exitCode) => {
      process.exitCode = exitCode;
    },
    (error: unknown) => {
      const { message, stack } = error as Error;
      const isExpected = EXPECTED.some((kind) => error instanceof kind) || isUnreachable(error);
      process.stderr.write(`${isExpected ? message : (stack ?? message)}\n`);
      process.exitCode = 1;
    },
  );
}

/** A database that does not answer is the operator's business, not a defect. */
function isUnreachable(error: unknown): boolean {
  return /pool timeout|ECONNREFUSED|Access denied|Can't reach database|Unknown database/i.test(String(error));
}
