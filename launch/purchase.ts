import { sleep } from '#kit/clock';
import { StackError } from '#stack/errors';

const REQUEST_TIMEOUT_MS = 60_000;
const SETTLE_TIMEOUT_MS = 60_000;
const POLL_MS = 10;
/** Three sellers are paid by one order; the third gets its wallet by it. */
const PRODUCT_NOS = [1, 2, 3, 4, 6];

interface Envelope<T> {
  code: number;
  message: string;
  errorCode?: string;
  data: T;
}

async function call<T>(method: string, url: string, body?: unknown): Promise<T> {
  const response = await fetch(url, {
    method,
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    ...(body === undefined
      ? {}
      : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new StackError(`${method} ${url}: ${response.status} ${text}`);
  return JSON.parse(text) as T;
}

export interface Purchase {
  orderId: string;
  orderName: string;
  /** Whole won. */
  amount: number;
  sellers: number;
  /** From the confirm's answer until the payment showed that its sellers are credited, in ms as a client sees it. */
  settledAfterMs: number;
}

/**
 * Buys like a shopper: checkout, authentication at the simulator, confirm; then waits until every seller is credited.
 *
 * @throws StackError when a step is refused, or the settlement does not arrive within a minute
 */
export async function buy(apiUrl: string, simulatorUrl: string): Promise<Purchase> {
  const order = await call<Envelope<{ orderId: string; orderName: string; amount: number }>>(
    'POST',
    `${apiUrl}/api/payments/checkout`,
    { productNos: PRODUCT_NOS },
  );
  const { orderId, orderName, amount } = order.data;
  const { paymentKey } = await call<{ paymentKey: string }>('POST', `${simulatorUrl}/simulator/payments`, {
    orderId,
    amount,
  });
  await call('POST', `${apiUrl}/api/payments/confirm`, { paymentKey, orderId, amount: String(amount) });
  const confirmedMs = performance.now();
  const deadline = confirmedMs + SETTLE_TIMEOUT_MS;
  for (;;) {
    const { data } = await call<
      Envelope<{ isWalletDone: boolean; paymentOrderList: { sellerNo: number }[] }>
    >('GET', `${apiUrl}/api/payments/${orderId}`);
    const settledAfterMs = Math.round(performance.now() - confirmedMs);
    const sellers = new Set(data.paymentOrderList.map((line) => line.sellerNo)).size;
    if (data.isWalletDone) return { orderId, orderName, amount, sellers, settledAfterMs };
    if (performance.now() > deadline) {
      throw new StackError(`order ${orderId} was paid, but not settled within ${SETTLE_TIMEOUT_MS / 1000} s`);
    }
    await sleep(POLL_MS);
  }
}
