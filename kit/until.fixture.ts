import { sleep } from './clock';

/**
 * The end of every wait for something that must happen. It finds a hang, not a slow machine: what takes a second here may
 * take many there. jest's own limit (`testTimeout` in jest.config.cjs) is longer, so that a wait that ends says what for.
 */
export const PATIENCE_MS = 240_000;

const POLL_MS = 20;

/**
 * Polls until `check` holds.
 *
 * @param what stands in the error
 * @throws Error when it does not hold within `PATIENCE_MS`
 */
export async function until(what: string, check: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + PATIENCE_MS;
  while (!(await check())) {
    if (performance.now() > deadlineMs) throw new Error(`not within ${PATIENCE_MS / 1000} s: ${what}`);
    await sleep(POLL_MS);
  }
}
