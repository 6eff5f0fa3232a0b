/** Something the user can put right; `message` is one sentence that says what to do. */
export class StackError extends Error {
  override readonly name = 'StackError';
}

/** The work was interrupted (Ctrl-C); what it had started is stopped. */
export class StackInterrupted extends Error {
  override readonly name = 'StackInterrupted';

  constructor() {
    super('interrupted; what had been started is stopped');
  }
}

/** @throws StackInterrupted when `signal` has aborted. */
export function throwIfInterrupted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new StackInterrupted();
}

/** The sentence for a full disk, or undefined when `error` is something else. */
export function diskFullSentence(error: unknown, folder: string): string | undefined {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code !== 'ENOSPC' && !/no space left on device/i.test(message ?? '')) return undefined;
  return `the disk is full: free about 1 GB where ${folder} lies, then run it again.`;
}
