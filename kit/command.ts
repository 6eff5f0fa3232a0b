import { UsageError } from './arguments';

type ErrorKind = abstract new (...args: never[]) => Error;

export interface CommandFailures {
  /** Their message is the whole story: one clear sentence, no stack. */
  expected: readonly ErrorKind[];
  /** The exit status of a failure; 1 unless something else is said. */
  exitCode?: (error: unknown) => number;
  /** How the sentence is dressed. */
  dress?: (text: string) => string;
}

/**
 * Runs a command to its end and ends the process with what `work` returns. A failure is told on stderr: in a sentence when
 * it was to be expected, with its stack when it is a defect.
 */
export function runCommand(
  work: () => Promise<number>,
  { expected, exitCode = () => 1, dress = (text) => text }: CommandFailures,
): void {
  work().then(
    (code) => process.exit(code),
    (error: unknown) => {
      if (error instanceof UsageError && error.isAsked) {
        process.stdout.write(`${error.message}\n`);
        process.exit(0);
      }
      const kinds = [UsageError, ...expected];
      const isForeseen = kinds.some((kind) => error instanceof kind);
      const { message, stack } = error instanceof Error ? error : new Error(String(error));
      process.stderr.write(`${dress(isForeseen ? message : (stack ?? message))}\n`);
      process.exit(exitCode(error));
    },
  );
}
