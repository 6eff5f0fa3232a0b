/** Aborts at the first Ctrl-C, SIGTERM or SIGHUP; says so once, since stopping takes a moment. */
export function onInterruption(say: (text: string) => void): AbortSignal {
  const interruption = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (interruption.signal.aborted) return;
      say('\nstopping what was started …');
      interruption.abort();
    });
  }
  return interruption.signal;
}
