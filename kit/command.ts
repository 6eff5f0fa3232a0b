type ErrorKind = abstract new (...args: never[]) => Error;

export interface CommandFailures {
  /** Their message is the whole story: one clear sentence, no stack. */
  expected: readonly ErrorKind[];
  /** For what is known by something else than its class. */
  isExpected?: (error: unknown) => boolean;
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
  { expected, isExpected = () => false, exitCode = () => 1, dress = (text) => text }: CommandFailures,
): void {
  work().then(
    (code) => process.exit(code),
    (error: unknown) => {
      const isForeseen = expected.some((kind) => error instanceof kind) || isExpected(error);
      const { message, stack } = error instanceof Error ? error : new Error(String(error));
      process.stderr.write(`${dress(isForeseen ? message : (stack ?? message))}\n`);
      process.exit(exitCode(error));
    },
  );
}
