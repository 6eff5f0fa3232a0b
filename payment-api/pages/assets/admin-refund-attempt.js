import { newKey, pause } from './kit/api.js';

// Sending a refund so that it is made once: the key of an attempt goes with each repetition of it, whether the answer
// was lost, the button clicked again, or the same asked for once more. An outcome, or another content, ends the attempt.

const TRIES_MAX = 6;
const RETRY_FIRST_MS = 500;

let attempt;

/** Forgets the attempt: the next is another one. */
export function endAttempt() {
  attempt = undefined;
}

/**
 * @param tell called with the name of a text while it takes long
 * @returns the answer that stays; undefined when there was none
 */
export async function sendRefund(door, orderId, body, tell) {
  const content = JSON.stringify([orderId, body]);
  if (attempt?.content !== content) attempt = { content, key: newKey('refund') };
  const { key } = attempt;
  let last;
  for (let tries = 0, waitMs = RETRY_FIRST_MS; tries < TRIES_MAX; tries += 1, waitMs *= 2) {
    try {
      last = await door.call('POST', `/api/payments/${encodeURIComponent(orderId)}/cancel`, {
        body,
        headers: { 'idempotency-key': key },
      });
      // One runs already: this very request whose answer was lost, or another.
      if (last.errorCode !== 'PEC0005') return last;
      tell('refundBusy');
    } catch {
      last = undefined;
      tell('refundLost');
    }
    await pause(Math.max(waitMs, last?.retryAfterMs ?? 0));
  }
  return last;
}
