import { randomUUID } from 'node:crypto';
import { until } from '#kit/until.fixture';
import { startTestApi, type Json, type TestApi } from '../payment-api.fixture';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());
afterEach(() => api.psp('PUT', '/simulator/faults', {}));

const webhook = (orderId: string, status: string, over: object = {}) =>
  api.call('POST', '/api/webhooks/toss', {
    eventType: 'PAYMENT_STATUS_CHANGED',
    createdAt: '2026-11-22T10:05:40.123000',
    data: { orderId, paymentKey: 'forged-key', status, totalAmount: 1, cancels: null, ...over },
  });
const lookups = async (orderId: string): Promise<number> => {
  const { calls } = await api.psp('GET', `/simulator/calls?orderId=${orderId}`);
  return calls.filter((entry: Json) => entry.method === 'GET').length;
};
const isDue = async (orderId: string): Promise<boolean> => {
  const [row] = await api.database.administer<Json[]>(
    'SELECT next_check_at <= NOW(3) AS due FROM payment_events WHERE order_id = ?',
    [orderId],
  );
  return Number(row.due ?? 0) === 1;
};
const set = (orderId: string, status: string, more = ''): Promise<unknown> =>
  api.database.administer(
    `UPDATE payment_events SET status = ?, payment_key = UUID(), claimed_at = NOW(3)${more} WHERE order_id = ?`,
    [status, orderId],
  );

test.each([
  ['UNKNOWN', 'DONE', true],
  ['UNKNOWN', 'IN_PROGRESS', true],
  ['FAILURE', 'DONE', true],
  ['FAILURE', 'CANCELED', true],
  ['FAILURE', 'ABORTED', false],
  ['SUCCESS', 'CANCELED', true],
  ['SUCCESS', 'PARTIAL_CANCELED', true],
  ['SUCCESS', 'DONE', false],
  ['PARTIAL_CANCELED', 'PARTIAL_CANCELED', true],
  ['CANCELED', 'CANCELED', false],
  ['EXECUTING', 'DONE', false],
  ['NOT_STARTED', 'DONE', false],
])(
  'When a %s order is said to be %s, then a look is due: %s, and none happens here',
  async (ours, theirs, due) => {
    const { orderId } = await api.order([1]);
    await set(orderId, ours);
    const { status, body } = await webhook(orderId, theirs);
    expect([status, body.data]).toEqual([200, null]);
    expect(await isDue(orderId)).toBe(due);
    expect(await api.payment(orderId)).toMatchObject({ status: ours, is_payment_done: 0 });
    expect(await lookups(orderId)).toBe(0);
  },
);

test('When the order is unknown, then the same answer', async () => {
  const known = await api.paid([1]);
  const answers = [await webhook(randomUUID(), 'DONE'), await webhook(known.orderId, 'DONE')];
  expect(answers[0]?.body).toEqual(answers[1]?.body);
});

test('When a forged webhook says that an open order is paid, then only the PSP’s own word counts', async () => {
  const { orderId, amount } = await api.order([1]);
  const paymentKey = await api.authenticate(orderId, amount);
  await api.psp('PUT', '/simulator/faults', { dropResponseRate: 1, orderId });
  await api.psp('POST', `/simulator/payments/${paymentKey}/expire`, {});
  await set(orderId, 'UNKNOWN', `, payment_key = '${paymentKey}'`);
  await api.database.administer(
    "UPDATE payment_orders SET payment_order_status = 'UNKNOWN' WHERE order_id = ?",
    [orderId],
  );
  await api.psp('PUT', '/simulator/faults', {});
  await webhook(orderId, 'DONE', { paymentKey, totalAmount: amount });
  expect(await api.recover()).toContain('unknown: failure');
  expect(await api.payment(orderId)).toMatchObject({ status: 'FAILURE', is_payment_done: 0 });
  expect(await api.events(orderId)).toEqual([]);
});

test('When a flood of duplicates comes, then it costs one look', async () => {
  const { orderId } = await api.paid([1]);
  const answers = await Promise.all(Array.from({ length: 100 }, () => webhook(orderId, 'CANCELED')));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  const before = await lookups(orderId);
  expect(await api.recover()).toContain('settled: nothing');
  expect((await lookups(orderId)) - before).toBe(1);
  expect(await api.recover()).toEqual([]);
});

test('When webhooks come during a look, then it is not cut short, and one more look follows in a while', async () => {
  const { orderId } = await api.paid([1]);
  await webhook(orderId, 'CANCELED');
  await api.psp('PUT', '/simulator/faults', { hold: 'request', times: 1, orderId });
  const running = api.recover({ claimLeaseMs: 60_000 });
  await api.untilHeld(orderId);
  for (let n = 0; n < 5; n += 1) await webhook(orderId, 'CANCELED');
  expect(await isDue(orderId)).toBe(false);
  await api.psp('POST', '/simulator/release', {});
  await running;
  expect(await api.payment(orderId)).toMatchObject({ claim_token: null, check_requested: 0 });
  const { next_check_at: next } = await api.payment(orderId);
  expect(next).not.toBeNull();
  expect(await isDue(orderId)).toBe(false);
});

test('When the PSP sends them in disorder and twice, then the order ends as the PSP has it', async () => {
  await api.psp('PUT', '/simulator/webhooks', {
    url: `${api.url}/api/webhooks/toss`,
    duplicates: 2,
    shuffle: true,
    timeScale: 0,
  });
  const { orderId, paymentKey } = await api.paid([1, 4]);
  await api.psp('POST', `/simulator/payments/${paymentKey}/cancel`, {});
  await until('the order is canceled', async () => {
    await api.recover({ claimLeaseMs: 60_000 });
    return (await api.payment(orderId)).status === 'CANCELED';
  });
  await api.psp('PUT', '/simulator/webhooks', {});
  expect(await api.payment(orderId)).toMatchObject({ status: 'CANCELED', last_event_seq: 2 });
});

test.each<[string, unknown, number]>([
  ['another event', { eventType: 'PAYOUT_STATUS_CHANGED', createdAt: 'x', data: {} }, 400],
  ['no data', { eventType: 'PAYMENT_STATUS_CHANGED', createdAt: 'x' }, 400],
  [
    'a status nobody knows',
    {
      eventType: 'PAYMENT_STATUS_CHANGED',
      createdAt: 'x',
      data: { orderId: 'order-1234', paymentKey: 'k', status: 'PAID' },
    },
    400,
  ],
  [
    'an order id of another form',
    {
      eventType: 'PAYMENT_STATUS_CHANGED',
      createdAt: 'x',
      data: { orderId: "' OR 1=1", paymentKey: 'k', status: 'DONE' },
    },
    400,
  ],
  ['no JSON', '{', 400],
  ['too much', JSON.stringify({ pad: 'x'.repeat(70_000) }), 413],
])('When a webhook has %s, then it is refused', async (_what, body, http) => {
  const answer = await api.call('POST', '/api/webhooks/toss', body);
  expect([answer.status, answer.body.errorCode]).toEqual([http, 'PEC0008']);
});
