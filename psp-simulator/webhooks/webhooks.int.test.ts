import { createServer, type Server } from 'node:http';
import { until } from '#kit/until.fixture';
import type { Fixture } from '../simulator.fixture';
import { closeFixtures, fixture } from '../simulator.fixture';

interface Received {
  atMs: number;
  eventType: string;
  createdAt: string;
  data: { paymentKey: string; orderId: string; status: string };
}

/** How long the simulator waits for the shop's answer. */
const ANSWER_TIMEOUT_MS = 10_000;
const ALL_BUT_TIMEOUTS = [
  'Date',
  'hrtime',
  'nextTick',
  'performance',
  'queueMicrotask',
  'setImmediate',
  'clearImmediate',
  'setInterval',
  'clearInterval',
] as const;

const shops: Server[] = [];

afterEach(async () => {
  jest.useRealTimers();
  await closeFixtures();
  for (const server of shops.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** A shop that answers webhooks with the given statuses, the last one for ever; null never answers. */
async function shop(...statuses: (number | null)[]): Promise<{ url: string; received: Received[] }> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      received.push({ atMs: performance.now(), ...JSON.parse(Buffer.concat(chunks).toString('utf8')) });
      const status = statuses.length > 1 ? statuses.shift() : statuses[0];
      if (typeof status === 'number') response.writeHead(status).end();
    });
  });
  shops.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { url: `http://127.0.0.1:${address.port}/hook`, received };
}

const orderId = 'order-webhook';
const deliveries = async ({ control }: Fixture): Promise<{ attempt: number }[]> =>
  (await control('GET', '/simulator/webhooks')).body.deliveries;
const statusesOf = (received: Received[]) => received.map((event) => event.data.status);

async function payAndCancel({ shopper, confirm, toss }: Fixture): Promise<string> {
  const paymentKey = await shopper(orderId, 6000);
  await confirm({ paymentKey, orderId, amount: 6000 });
  await toss('POST', `/v1/payments/${paymentKey}/cancel`, { cancelReason: 'a' });
  return paymentKey;
}

describe('webhooks', () => {
  it('When a payment changes, then the shop gets the Payment, once for each change', async () => {
    const { url, received } = await shop(200);
    const made = await fixture({ webhookUrl: url });
    const paymentKey = await payAndCancel(made);
    await until('three deliveries', async () => (await deliveries(made)).length === 3);
    expect(statusesOf(received).sort()).toEqual(['CANCELED', 'DONE', 'IN_PROGRESS']);
    expect(received.find((event) => event.data.status === 'DONE')).toMatchObject({
      eventType: 'PAYMENT_STATUS_CHANGED',
      createdAt: '2026-11-22T12:00:00.000000',
      data: { paymentKey, orderId, totalAmount: 6000 },
    });
    const state = (await made.control('GET', '/simulator/webhooks')).body;
    expect(state.deliveries).toHaveLength(3);
    expect(state.waiting).toBe(0);
  });

  it('When the shop does not answer 200, then seven tries follow, each four times later', async () => {
    const { url, received } = await shop(500);
    const made = await fixture();
    const { control, shopper } = made;
    // A minute lasts 0.06 ms: the last wait, 4096 minutes, lasts 246 ms.
    await control('PUT', '/simulator/webhooks', { url, timeScale: 0.000_001 });
    await shopper(orderId, 6000);
    await until('eight deliveries', async () => (await deliveries(made)).length === 8);
    const gaps = received.slice(1).map((event, n) => event.atMs - (received[n]?.atMs ?? 0));
    expect(gaps[5]).toBeGreaterThanOrEqual(60);
    expect(gaps[6]).toBeGreaterThanOrEqual(240);
    const state = (await control('GET', '/simulator/webhooks')).body;
    expect(state.deliveries.map((one: { attempt: number }) => one.attempt)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(state.waiting).toBe(0);
  });

  it('When a later try is answered with 200, then it ends there; 204 is not 200', async () => {
    const { url, received } = await shop(204, 500, 200);
    const made = await fixture();
    await made.control('PUT', '/simulator/webhooks', { url, timeScale: 0 });
    await made.shopper(orderId, 6000);
    await until('three deliveries', async () => (await deliveries(made)).length === 3);
    expect((await made.control('GET', '/simulator/webhooks')).body.waiting).toBe(0);
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(received).toHaveLength(3);
  });

  it('When duplicates and disorder are asked for, then every event comes again, newest first', async () => {
    const { url, received } = await shop(200);
    const made = await fixture();
    await made.control('PUT', '/simulator/webhooks', { url, duplicates: 1, shuffle: true });
    // The window in which events are gathered ends when all of them are in it, however long the calls take.
    jest.useFakeTimers({ doNotFake: [...ALL_BUT_TIMEOUTS] });
    await payAndCancel(made);
    jest.runOnlyPendingTimers();
    jest.useRealTimers();
    await until('six webhooks', () => received.length === 6);
    expect(statusesOf(received)).toEqual([
      'CANCELED',
      'CANCELED',
      'DONE',
      'DONE',
      'IN_PROGRESS',
      'IN_PROGRESS',
    ]);
  });

  it('When the shop is unreachable, then the shopper does not notice', async () => {
    const made = await fixture({ webhookUrl: 'http://127.0.0.1:1/hook' });
    await payAndCancel(made);
    await until('three deliveries', async () => (await deliveries(made)).length === 3);
    const { deliveries: tried, waiting } = (await made.control('GET', '/simulator/webhooks')).body;
    expect(tried).toEqual(expect.arrayContaining([expect.objectContaining({ answered: null, attempt: 1 })]));
    expect(waiting).toBe(3);
  });

  it('When the simulator closes, then closing does not wait for the shop', async () => {
    const { url, received } = await shop(null);
    const made = await fixture({ webhookUrl: url });
    await made.shopper(orderId, 6000);
    await until('one webhook', () => received.length === 1);
    const started = performance.now();
    await made.simulator.close();
    expect(performance.now() - started).toBeLessThan(ANSWER_TIMEOUT_MS / 2);
  });

  it.each([[{ url: 'ftp://127.0.0.1/' }], [{ timeScale: 2 }], [{ duplicates: -1 }], [{ color: 1 }]])(
    'When the settings are malformed (%j), then 400',
    async (wrong) => {
      const { control } = await fixture();
      expect((await control('PUT', '/simulator/webhooks', wrong)).status).toBe(400);
    },
  );
});
