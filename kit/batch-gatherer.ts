import { sleep } from './clock';

export interface GathererOptions<Item> {
  /** Items in one batch, at most. A single larger chunk is a batch of its own. */
  batchSizeMax: number;
  /**
   * Least time between the starts of two batches, so that a load does not pay the fixed cost of a batch for every item. An
   * item that arrives after a pause does not wait, nor does a batch with a tenth of `batchSizeMax`.
   */
  spacingMs: number;
  handle: (items: Item[]) => Promise<void>;
}

/** Of `batchSizeMax`: more items would hardly lower the fixed cost of each. */
const ENOUGH_SHARE = 0.1;

interface Chunk<Item> {
  items: readonly Item[];
  resolve: () => void;
  reject: (error: unknown) => void;
}

/**
 * Gathers chunks that arrive at the same time, or while a batch is being handled, into one batch; one batch runs at a time.
 *
 * @returns hands a chunk in; resolves when the batch that it was part of is handled, rejects when that has failed
 */
export function createGatherer<Item>({
  batchSizeMax,
  spacingMs,
  handle,
}: GathererOptions<Item>): (items: readonly Item[]) => Promise<void> {
  let waiting: Chunk<Item>[] = [];
  let isRunning = false;
  let lastStartMs = Number.NEGATIVE_INFINITY;
  let pause = new AbortController();

  /** The chunks that are next, in the order in which they came. */
  function nextChunks(): Chunk<Item>[] {
    let size = 0;
    let count = 0;
    for (const { items } of waiting) {
      if (count > 0 && size + items.length > batchSizeMax) break;
      size += items.length;
      count += 1;
    }
    const next = waiting.slice(0, count);
    waiting = waiting.slice(count);
    return next;
  }

  const isEnough = (): boolean =>
    waiting.reduce((size, { items }) => size + items.length, 0) >= batchSizeMax * ENOUGH_SHARE;

  async function run(): Promise<void> {
    while (waiting.length > 0) {
      const pauseMs = lastStartMs + spacingMs - performance.now();
      pause = new AbortController();
      if (pauseMs > 0 && !isEnough()) await sleep(pauseMs, pause.signal);
      lastStartMs = performance.now();
      const chunks = nextChunks();
      try {
        await handle(chunks.flatMap(({ items }) => items));
        for (const { resolve } of chunks) resolve();
      } catch (error) {
        for (const { reject } of chunks) reject(error);
      }
    }
    isRunning = false;
  }

  return (items) =>
    new Promise((resolve, reject) => {
      waiting.push({ items, resolve, reject });
      if (isRunning) {
        if (isEnough()) pause.abort();
        return;
      }
      isRunning = true;
      // Chunks of one fetch arrive in one turn of the event loop.
      setImmediate(() => void run());
    });
}
