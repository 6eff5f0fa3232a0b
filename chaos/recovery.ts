import { randomUUID } from 'node:crypto';
import { sleep } from '#kit/clock';
import { ask } from './http';
import type { Urls } from './shoppers';

const TRY_PAUSE_MS = 250;

/** One order by one shopper from the beginning; false as soon as something is not answered as it should be. */
async function isServed({ api, simulator }: Urls, deadline: number): Promise<boolean> {
  const made = await ask(
    'POST',
    `${api}/api/payments/checkout`,
    { productNos: [1, 4, 6] },
    { headers: { 'idempotency-key': randomUUID() } },
  );
  if (made.status !== 201) return false;
  const { orderId, amount } = made.data as { orderId: string; amount: number };
  const authenticated = await ask('POST', `${simulator}/simulator/payments`, { orderId, amount });
  const { paymentKey } = authenticated.data as { paymentKey: string };
  const confirmed = await ask('POST', `${api}/api/payments/confirm`, { paymentKey, orderId, amount });
  if (confirmed.status !== 200) return false;
  while (performance.now() < deadline) {
    const { data } = await ask('GET', `${api}/api/payments/${orderId}`);
    if (data.isWalletDone === true) return true;
    await sleep(TRY_PAUSE_MS / 5);
  }
  return false;
}

/**
 * From now until a new order is sold, settled and acknowledged: the system works again.
 *
 * @returns milliseconds; `undefined` when it does not within `timeoutMs`
 */
export async function untilServed(urls: Urls, timeoutMs: number): Promise<number | undefined> {
  const startedMs = performance.now();
  const deadline = startedMs + timeoutMs;
  while (performance.now() < deadline) {
    // Unanswered is an answer here.
    if (await isServed(urls, deadline).catch(() => false)) return performance.now() - startedMs;
    await sleep(TRY_PAUSE_MS);
  }
  return undefined;
}
