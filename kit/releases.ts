import type { Logger } from 'pino';

/** Releases opened things in the reverse order of opening: what was opened last depends on what came before. */
export class Releases {
  readonly #stack: { name: string; release: () => Promise<unknown> | void }[] = [];
  #running: Promise<void> | undefined;

  push(name: string, release: () => Promise<unknown> | void): void {
    this.#stack.push({ name, release });
  }

  /** Releases everything once; a second call waits for the first. One failing release does not keep the others. */
  releaseAll(log: Pick<Logger, 'error'>): Promise<void> {
    this.#running ??= this.#run(log);
    return this.#running;
  }

  async #run(log: Pick<Logger, 'error'>): Promise<void> {
    for (let entry = this.#stack.pop(); entry !== undefined; entry = this.#stack.pop()) {
      try {
        await entry.release();
      } catch (error) {
        log.error({ err: error, resource: entry.name }, 'release failed');
      }
    }
  }
}
