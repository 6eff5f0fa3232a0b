import { RegistryRefusal } from '#contracts/registry';
import { RegistryUnavailableError } from '#contracts/codec';
import { runCommand } from '#kit/command';
import { ConfigError } from '#kit/config';
import { DatabaseSilentError, whileDatabaseAnswers } from '#prisma/answers';
import { databaseUrl } from '#prisma/config';
import { DatabaseUrlError } from '#prisma/connection';

/** The command was called wrongly, or cannot go on; the message says what to do. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

const EXPECTED = [
  CommandError,
  ConfigError,
  DatabaseSilentError,
  DatabaseUrlError,
  RegistryRefusal,
  RegistryUnavailableError,
];

export const print = (text: string): void => void process.stdout.write(`${text}\n`);

/** Runs an operator's command. What an operator can mend is told in one sentence; the exit status is then 1. */
export function runOperation(work: () => Promise<number>): void {
  runCommand(() => whileDatabaseAnswers(() => [databaseUrl('ops')], work), { expected: EXPECTED });
}
