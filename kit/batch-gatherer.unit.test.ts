import { createGatherer } from './batch-gatherer';
import { sleep } from './clock';

/** Batches as they were handed over; `release` lets the running one end. */
function gathering(options: { batchSizeMax?: number; spacingMs?: number; isHeld?: boolean } = {}) {
  const batches: number[][] = [];
  const starts: number[] = [];
  let release = (): void => {};
  let failure: Error | undefined;
  const submit = createGatherer<number>({
    batchSizeMax: options.batchSizeMax ?? 10,
    spacingMs: options.spacingMs ?? 0,
    async handle(items) {
      starts.push(performance.now());
      batches.push(items);
      if (options.isHeld === true) await new Promise<void>((resolve) => (release = resolve));
      if (failure !== undefined) throw failure;
    },
  });
  return {
    batches,
    starts,
    submit,
    release: () => release(),
    fail: (error: Error | undefined) => (failure = error),
  };
}

const turn = (): Promise<void> => sleep(5);

test('When chunks arrive in one turn, then they are one batch, in their order', async () => {
  const { batches, submit } = gathering();
  await Promise.all([submit([1, 2]), submit([3]), submit([4])]);
  expect(batches).toEqual([[1, 2, 3, 4]]);
});

test('When chunks arrive while a batch runs, then they wait and are the next batch together', async () => {
  const { batches, submit, release } = gathering({ isHeld: true });
  const first = submit([1]);
  await turn();
  const later = [submit([2]), submit([3])];
  await turn();
  expect(batches).toEqual([[1]]);
  release();
  await first;
  await turn();
  expect(batches).toEqual([[1], [2, 3]]);
  release();
  await Promise.all(later);
});

test('When more waits than a batch may hold, then whole chunks are left for the next one; a larger chunk is one batch', async () => {
  const { batches, submit } = gathering({ batchSizeMax: 3 });
  await Promise.all([submit([1, 2]), submit([3, 4]), submit([5, 6, 7, 8]), submit([9])]);
  expect(batches).toEqual([[1, 2], [3, 4], [5, 6, 7, 8], [9]]);
});

test('When a batch fails, then all of its chunks fail, and the next batch runs', async () => {
  const { batches, submit, fail } = gathering();
  fail(new Error('no database'));
  const results = await Promise.allSettled([submit([1]), submit([2])]);
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  fail(undefined);
  await submit([1, 2]);
  expect(batches).toEqual([
    [1, 2],
    [1, 2],
  ]);
});

test('Under load batches keep their distance; the first one after a pause and one with a tenth of the maximum do not', async () => {
  const spacingMs = 300;
  const { starts, submit } = gathering({ batchSizeMax: 30, spacingMs });
  await submit([1]);
  await submit([2]);
  await submit([3, 4, 5]);
  const waiting = submit([6]);
  await turn();
  await Promise.all([waiting, submit([7, 8])]);
  const [first = 0, second = 0, third = 0, fourth = 0] = starts;
  expect(second - first).toBeGreaterThan(spacingMs - 10);
  // They did not wait for the whole distance, which is far longer than some turns, on any machine.
  expect(third - second).toBeLessThan(spacingMs);
  expect(fourth - third).toBeLessThan(spacingMs);
});
