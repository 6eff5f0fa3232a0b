import pc from 'picocolors';
import { runCommand } from '#kit/command';
import { ConfigError } from '#kit/config';
import { StackError, StackInterrupted } from '#stack/errors';

/** As a shell says it of what SIGINT has ended. */
const INTERRUPTED = 130;

/** Runs a command that brings the stack up: with one sentence for what an operator can mend, and a status for Ctrl-C. */
export function runLaunch(work: () => Promise<number>): void {
  runCommand(work, {
    expected: [StackError, StackInterrupted, ConfigError],
    exitCode: (error) => (error instanceof StackInterrupted ? INTERRUPTED : 1),
    dress: pc.red,
  });
}
