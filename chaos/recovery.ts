import { randomUUID } from 'node:crypto';
import { sleep } from '#kit/clock';
import type { Urls } from './shoppers';

const TRY_PAUSE_MS = 250;
const REQUEST_TIMEOUT_MS = 8_000;

async function ask(method: string, url: string, body?: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(url, {
    method,
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    headers: { 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  // oxlint-disable-next-line typescript/no-explicit-any -- JSON of any shape
  return { status: response.status, data: ((await response.json()) as any).data };
}

/** One order by one shopper from the beginning; false as soon as something is not answered as it should be. */
async function isServed({ api, simulator }: Urls, deadline: number): Promise<boolean> {
  const made = await ask(
    'POST',
    `${api}/api/payments/checkout`,
    { productNos: [1, 4, 6] },
    {
      'idempotency-key': randomUUID(),
    },
  );
  if (made.status !== 201) return false;
  const { orderId, amount } = made.data as { orderId: string; amount: number };
  const authenticated = await fetch(`${simulator}/simulator/payments`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ orderId, amount }),
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
  });
  const { paymentKey } = (await authenticated.json()) as { paymentKey: string };
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
