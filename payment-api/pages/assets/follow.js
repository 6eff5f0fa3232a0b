import { call, pause } from './kit/api.js';

const FIRST_MS = 300;
const GROWTH = 1.25;
const SLOWEST_MS = 15_000;

/**
 * Asks for an order again and again, less and less often; soon again when something has changed.
 *
 * @param show called with each answer `{code, data, …}`; `undefined` when there was none. Returns true to end
 * @param durationMs after this time without an end it gives up
 * @returns whether `show` has ended it
 */
export async function follow(orderId, show, { durationMs }) {
  const startedMs = Date.now();
  let waitMs = FIRST_MS;
  let seen = '';
  while (Date.now() - startedMs < durationMs) {
    let answer;
    try {
      answer = await call('GET', `/api/payments/${encodeURIComponent(orderId)}`);
    } catch {
      // No connection: shown, and asked again.
      answer = undefined;
    }
    if (show(answer) === true) return true;
    const now = JSON.stringify(answer?.data);
    waitMs = now === seen ? Math.min(waitMs * GROWTH, SLOWEST_MS) : FIRST_MS;
    seen = now;
    await pause(Math.max(waitMs, answer?.retryAfterMs ?? 0));
  }
  return false;
}
