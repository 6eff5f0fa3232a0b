import { call, pause } from './kit/api.js';

const SLOW_AFTER_MS = 4_000;
const RETRY_FIRST_MS = 500;
const RETRY_SLOWEST_MS = 5_000;
/** No answer, or "already running", for this long: the shopper decides. */
const TRYING_MS = 90_000;

/** Refusals that pass by themselves, and what is said meanwhile. */
const PASSING = { PEC0005: 'elsewhere', PEC0010: 'tooMany' };

/**
 * Asks for the confirmation until there is an answer that stays. The same request again is harmless: it finds the first
 * one running or ended, and charges nothing a second time. So a lost answer, or a reload of the page, just asks again.
 *
 * @param tell called with the name of a text, while it takes long
 * @returns the answer; `undefined` when there was none for a long time
 */
export async function confirmPayment(payment, tell) {
  const startedMs = Date.now();
  let waitMs = RETRY_FIRST_MS;
  let last;
  while (Date.now() - startedMs < TRYING_MS) {
    const slow = setTimeout(() => tell('confirmingSlow'), SLOW_AFTER_MS);
    try {
      last = await call('POST', '/api/payments/confirm', { body: payment });
      const saying = PASSING[last.errorCode];
      if (saying === undefined) return last;
      tell(saying);
    } catch {
      // Nobody knows whether the request arrived.
      last = undefined;
      tell('confirmOffline');
    } finally {
      clearTimeout(slow);
    }
    await pause(Math.max(waitMs, last?.retryAfterMs ?? 0));
    waitMs = Math.min(waitMs * 2, RETRY_SLOWEST_MS);
  }
  return last;
}
