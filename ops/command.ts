import { RegistryRefusal } from '#contracts/registry';
import { RegistryUnavailableError } from '#contracts/codec';
import { runCommand } from '#kit/command';
import { ConfigError } from '#kit/config';
import { DatabaseUrlError } from '#prisma/connection';

/** The command was called wrongly, or cannot go on; the message says what to do. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

const EXPECTED = [CommandError, ConfigError, DatabaseUrlError, RegistryRefusal, RegistryUnavailableError];

export const print = (text: string): void => void process.stdout.write(`${text}\n`);

/** Runs an operator's command. What an operator can mend is told in one sentence; the exit status is then 1. */
export function runOperation(work: () => Promise<number>): void {
  runCommand(work, { expected: EXPECTED, isExpected: isUnreachable });
}

/** A database that does not answer is the operator's business, not a defect. */
function isUnreachable(error: unknown): boolean {
  return /pool timeout|ECONNREFUSED|Access denied|Can't reach database|Unknown database/i.test(String(error));
}
