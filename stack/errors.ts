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

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The system's code of an error, such as ENOSPC. */
export function codeOf(error: unknown): string | undefined {
  // Not `instanceof Error`: errors of Node's own modules belong to another realm under a test runner.
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** The sentence for a full disk, or undefined when `error` is something else. */
export function diskFullSentence(error: unknown, folder: string): string | undefined {
  if (codeOf(error) !== 'ENOSPC' && !/no space left on device/i.test(messageOf(error))) return undefined;
  return `the disk is full: free about 1 GB where ${folder} lies, then run it again.`;
}
