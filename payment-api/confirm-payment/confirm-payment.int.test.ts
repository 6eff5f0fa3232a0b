import { randomUUID } from 'node:crypto';
import { startTestApi, type Json, type TestApi } from '../payment-api.fixture';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());
afterEach(() => api.psp('PUT', '/simulator/faults', {}));

/** An order that a shopper has authenticated. */
async function authenticated(productNos?: number[]) {
  const order = await api.order(productNos);
  return { ...order, paymentKey: await api.authenticate(order.orderId, order.amount) };
}

const lineStatuses = async (orderId: string): Promise<unknown[]> =>
  (
    await api.database.administer('SELECT payment_order_status AS s FROM payment_orders WHERE order_id = ?', [
      orderId,
    ])
  ).map((row) => row['s']);

describe('confirm: the PSP approves', () => {
  test('When an authenticated order is confirmed, then everything that a success means is one transaction', async () => {
    const { orderId, paymentKey, amount } = await authenticated([1, 4, 6]);
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const { status, body } = await api.call(
      'POST',
      '/api/payments/confirm',
      { paymentKey, orderId, amount },
      { traceparent },
    );
    expect(status).toBe(200);
    expect(body.data).toEqual({
      orderId,
      paymentKey,
      status: 'SUCCESS',
      amount: 3000,
      approvedAt: expect.stringMatching(/Z$/),
    });
    expect(await lineStatuses(orderId)).toEqual(['SUCCESS', 'SUCCESS', 'SUCCESS']);
    expect(await api.history(orderId)).toEqual([
      ...Array.from({ length: 3 }, () => 'NOT_STARTED → EXECUTING'),
      ...Array.from({ length: 3 }, () => 'EXECUTING → SUCCESS'),
    ]);
    expect(await api.payment(orderId)).toMatchObject({
      status: 'SUCCESS',
      is_payment_done: 1,
      payment_key: paymentKey,
      claim_token: null,
      last_event_seq: 1,
      psp_raw_data: expect.stringContaining(paymentKey),
    });
    const [event, ...others] = await api.events(orderId);
    expect(others).toEqual([]);
    expect(event).toMatchObject({
      aggregate_type: 'payment',
      event_seq: 1,
      aggregate_seq: 1,
      event_type: 'payment.PaymentConfirmed',
      traceparent,
    });
    expect(event.decoded.value).toMatchObject({ orderId, paymentKey, currency: 'KRW', totalAmount: 3000n });
    expect(
      event.decoded.value.lines.map((line: Json) => [line.sellerNo, line.productNo, line.amount]),
    ).toEqual([
      [1, 1, 1000n],
      [2, 4, 1500n],
      [3, 6, 500n],
    ]);
  });

  test.each([['6000'], ['6000.00'], [6000]])(
    'When the amount is written as %p, then it is the same amount',
    async (amount) => {
      const { orderId, paymentKey } = await authenticated();
      expect((await api.confirm(paymentKey, orderId, amount)).status).toBe(200);
    },
  );

  test('When the same confirm comes again, then the same answer and no second PSP call', async () => {
    const { orderId, paymentKey, amount } = await authenticated();
    const first = await api.confirm(paymentKey, orderId, amount);
    const second = await api.confirm(paymentKey, orderId, amount);
    expect(second.body).toEqual(first.body);
    expect(await api.confirmCalls(orderId)).toHaveLength(1);
    expect(await api.events(orderId)).toHaveLength(1);
  });

  test('When the same confirm comes 20 times at once, then one PSP call, one event, and the others are told 409', async () => {
    const { orderId, paymentKey, amount } = await authenticated();
    await api.psp('PUT', '/simulator/faults', { latencyMs: 100, orderId });
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => api.confirm(paymentKey, orderId, amount)),
    );
    const codes = answers.map(({ status, body }) => `${status} ${body.errorCode ?? ''}`.trim());
    expect(codes.filter((code) => code === '200').length).toBeGreaterThanOrEqual(1);
    expect(codes.filter((code) => code !== '200' && code !== '409 PEC0005')).toEqual([]);
    expect(answers.find(({ status }) => status === 409)?.headers.get('retry-after')).toBe('1');
    expect(await api.confirmCalls(orderId)).toHaveLength(1);
    expect(await api.events(orderId)).toHaveLength(1);
  });

  test('When the PSP has processed the payment already, then it is looked up and paid', async () => {
    const { orderId, paymentKey, amount } = await authenticated();
    await api.psp('PUT', '/simulator/faults', {
      errorCode: 'ALREADY_PROCESSED_PAYMENT',
      errorAfterWork: true,
      times: 1,
      orderId,
      operations: ['confirm'],
    });
    const { status, body } = await api.confirm(paymentKey, orderId, amount);
    expect([status, body.data.status]).toEqual([200, 'SUCCESS']);
    const { calls } = await api.psp('GET', `/simulator/calls?orderId=${orderId}`);
    expect(calls.map((entry: Json) => entry.method)).toEqual(['POST', 'GET']);
  });
});

describe('confirm: the PSP refuses', () => {
  test('When the card is stopped, then 402 with the PSP’s words, FAILURE, no event; a repetition gets the same', async () => {
    const { orderId, paymentKey, amount } = await authenticated();
    await api.psp('PUT', '/simulator/faults', { errorCode: 'INVALID_STOPPED_CARD', times: 1, orderId });
    const { status, body } = await api.confirm(paymentKey, orderId, amount);
    expect([status, body.errorCode, body.data.psp.code]).toEqual([402, 'PEC0004', 'INVALID_STOPPED_CARD']);
    expect(await lineStatuses(orderId)).toEqual(['FAILURE', 'FAILURE', 'FAILURE']);
    expect(await api.payment(orderId)).toMatchObject({
      status: 'FAILURE',
      is_payment_done: 0,
      failure_code: 'INVALID_STOPPED_CARD',
      claim_token: null,
    });
    expect(await api.events(orderId)).toEqual([]);
    const again = await api.confirm(paymentKey, orderId, amount);
    expect([again.status, again.body.data]).toEqual([402, body.data]);
    expect(await api.confirmCalls(orderId)).toHaveLength(1);
  });

  test('When the PSP does not know the payment key, then the order stays payable with another', async () => {
    const { orderId, amount } = await api.order();
    const { status, body } = await api.confirm(`unknown-${randomUUID()}`, orderId, amount);
    expect([status, body.errorCode, body.data.psp.code]).toEqual([402, 'PEC0004', 'NOT_FOUND_PAYMENT']);
    expect(await api.payment(orderId)).toMatchObject({
      status: 'NOT_STARTED',
      payment_key: null,
      claim_token: null,
    });
    const paymentKey = await api.authenticate(orderId, amount);
    expect((await api.confirm(paymentKey, orderId, amount)).status).toBe(200);
  });

  test('When our credentials are refused, then 503, nothing claimed, and the order stays payable', async () => {
    const { orderId, paymentKey, amount } = await authenticated();
    await api.psp('PUT', '/simulator/faults', { errorCode: 'UNAUTHORIZED_KEY', times: 1, orderId });
    const { status, body, headers } = await api.confirm(paymentKey, orderId, amount);
    expect([status, body.errorCode, headers.get('retry-after')]).toEqual([503, 'PEC0014', '60']);
    expect(JSON.stringify(body)).not.toContain('UNAUTHORIZED_KEY');
    expect(await api.payment(orderId)).toMatchObject({ status: 'NOT_STARTED', claim_token: null });
    expect((await api.confirm(paymentKey, orderId, amount)).status).toBe(200);
  });
});

describe('confirm: the outcome is unclear', () => {
  test('When the answer of an approval is lost, then the same key is asked again and the order is paid', async () => {
    const { orderId, paymentKey, amount } = await authenticated();
    await api.psp('PUT', '/simulator/faults', { dropResponseRate: 1, times: 1, orderId });
    expect((await api.confirm(paymentKey, orderId, amount)).status).toBe(200);
    const calls = await api.confirmCalls(orderId);
    expect(calls).toHaveLength(2);
    expect(new Set(calls.map((entry) => entry.idempotencyKey)).size).toBe(1);
  });

  test('When the PSP never answers, then 202 UNKNOWN after three calls under one key, and no event', async () => {
    const { orderId, paymentKey, amount } = await authenticated();
    await api.psp('PUT', '/simulator/faults', { dropResponseRate: 1, orderId });
    const { status, body } = await api.confirm(paymentKey, orderId, amount);
    expect([status, body.errorCode, body.data.orderId]).toEqual([202, 'PEC0007', orderId]);
    expect(await api.payment(orderId)).toMatchObject({
      status: 'UNKNOWN',
      is_payment_done: 0,
      claim_token: null,
    });
    expect((await api.payment(orderId)).next_check_at).not.toBeNull();
    const calls = await api.confirmCalls(orderId);
    expect(calls).toHaveLength(3);
    expect(new Set(calls.map((entry) => entry.idempotencyKey)).size).toBe(1);
    expect(await api.events(orderId)).toEqual([]);
    expect((await api.confirm(paymentKey, orderId, amount)).status).toBe(202);
    expect((await api.confirm('another-key', orderId, amount)).body.errorCode).toBe('PEC0006');
  });

  test('When a temporary error comes first, then a new attempt under a new key succeeds', async () => {
    const { orderId, paymentKey, amount } = await authenticated();
    await api.psp('PUT', '/simulator/faults', {
      errorCode: 'PROVIDER_ERROR',
      times: 1,
      orderId,
      operations: ['confirm'],
    });
    expect((await api.confirm(paymentKey, orderId, amount)).status).toBe(200);
    const calls = await api.confirmCalls(orderId);
    expect(calls.map((entry) => entry.idempotencyKey)).toEqual([
      `confirm:${orderId}:1`,
      `confirm:${orderId}:2`,
    ]);
    expect(await api.payment(orderId)).toMatchObject({ status: 'SUCCESS', attempt: 2 });
  });

  test('When temporary errors go on, then UNKNOWN after three attempts', async () => {
    const { orderId, paymentKey, amount } = await authenticated();
    await api.psp('PUT', '/simulator/faults', {
      errorCode: 'FAILED_INTERNAL_SYSTEM_PROCESSING',
      orderId,
      operations: ['confirm'],
    });
    expect((await api.confirm(paymentKey, orderId, amount)).status).toBe(202);
    expect(await api.confirmCalls(orderId)).toHaveLength(3);
    expect(await api.payment(orderId)).toMatchObject({ status: 'UNKNOWN', attempt: 3 });
  });

  test('When the PSP approved but says an error nobody knows, then the lookup finds the approval', async () => {
    const { orderId, paymentKey, amount } = await authenticated();
    await api.psp('PUT', '/simulator/faults', {
      errorCode: 'SOMETHING_NEW',
      errorStatus: 500,
      errorAfterWork: true,
      times: 1,
      orderId,
      operations: ['confirm'],
    });
    expect((await api.confirm(paymentKey, orderId, amount)).status).toBe(200);
    expect(await api.confirmCalls(orderId)).toHaveLength(1);
  });
});

describe('confirm: what must not pay an order', () => {
  test('When the lines do not sum to the payment, then 500; nothing is claimed and the PSP is not asked', async () => {
    const { orderId, paymentKey, amount } = await authenticated([1, 4]);
    await api.database.administer(
      'UPDATE payment_orders SET amount = amount + 1 WHERE order_id = ? LIMIT 1',
      [orderId],
    );
    expect((await api.confirm(paymentKey, orderId, amount)).status).toBe(500);
    expect(await api.payment(orderId)).toMatchObject({ status: 'NOT_STARTED', attempt: 0 });
    expect(await api.confirmCalls(orderId)).toEqual([]);
  });

  test('When the amount differs from the order’s, then PEC0002, no claim, no PSP call', async () => {
    const { orderId, paymentKey } = await authenticated();
    const { status, body } = await api.confirm(paymentKey, orderId, 5999);
    expect([status, body.errorCode, body.message]).toEqual([
      400,
      'PEC0002',
      '결제 금액이 유효하지 않습니다.',
    ]);
    expect(await api.confirmCalls(orderId)).toEqual([]);
    expect(await api.history(orderId)).toEqual([]);
  });

  test('When the payment key paid somebody else’s order, then PEC0006 and no PSP call', async () => {
    const other = await authenticated();
    await api.confirm(other.paymentKey, other.orderId, other.amount);
    const { orderId, amount } = await api.order();
    const { status, body } = await api.confirm(other.paymentKey, orderId, amount);
    expect([status, body.errorCode]).toEqual([409, 'PEC0006']);
    expect(await api.confirmCalls(orderId)).toEqual([]);
    expect(await api.payment(orderId)).toMatchObject({ status: 'NOT_STARTED', payment_key: null });
  });

  test('When the PSP’s DONE payment belongs to an order that is not ours, then it does not pay this one', async () => {
    const foreignOrderId = `foreign-${randomUUID()}`;
    const paymentKey = await api.authenticate(foreignOrderId, 6000);
    const authorization = `Basic ${Buffer.from('test_sk_simulator:').toString('base64')}`;
    const confirmed = await fetch(`${api.pspUrl}/v1/payments/confirm`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization },
      body: JSON.stringify({ paymentKey, orderId: foreignOrderId, amount: 6000 }),
    });
    expect(confirmed.status).toBe(200);
    const { orderId, amount } = await api.order();
    const { status } = await api.confirm(paymentKey, orderId, amount);
    expect([202, 402]).toContain(status);
    expect(await api.payment(orderId)).toMatchObject({ is_payment_done: 0 });
    expect(await api.events(orderId)).toEqual([]);
  });

  test('When the key was authenticated for another amount, then the order is not paid', async () => {
    const { orderId, amount } = await api.order();
    const paymentKey = await api.authenticate(orderId, 100);
    expect((await api.confirm(paymentKey, orderId, amount)).status).toBe(402);
    expect(await api.payment(orderId)).toMatchObject({ status: 'NOT_STARTED', is_payment_done: 0 });
  });

  test('When the order is paid, then another payment key is told PEC0006', async () => {
    const { orderId, paymentKey, amount } = await authenticated();
    await api.confirm(paymentKey, orderId, amount);
    const { status, body } = await api.confirm('another-key', orderId, amount);
    expect([status, body.errorCode]).toEqual([409, 'PEC0006']);
  });

  test('When the order does not exist, then 404 PEC0003', async () => {
    const { status, body } = await api.confirm('some-key', randomUUID(), 6000);
    expect([status, body.errorCode]).toEqual([404, 'PEC0003']);
  });

  test.each([
    ['a missing key', { orderId: 'order-1234', amount: 6000 }],
    ['an empty key', { paymentKey: '', orderId: 'order-1234', amount: 6000 }],
    ['a key that is too long', { paymentKey: 'k'.repeat(201), orderId: 'order-1234', amount: 6000 }],
    ['an order id with blanks', { paymentKey: 'k', orderId: 'order 1234', amount: 6000 }],
    ['a fraction of a won', { paymentKey: 'k', orderId: 'order-1234', amount: '6000.5' }],
    ['a fractional number', { paymentKey: 'k', orderId: 'order-1234', amount: 6000.01 }],
    ['an exponent', { paymentKey: 'k', orderId: 'order-1234', amount: '6e3' }],
    ['a negative amount', { paymentKey: 'k', orderId: 'order-1234', amount: -6000 }],
    ['an endless amount', { paymentKey: 'k', orderId: 'order-1234', amount: '9'.repeat(30) }],
    ['an amount of another type', { paymentKey: 'k', orderId: 'order-1234', amount: [6000] }],
  ])('When the body has %s, then 400 PEC0008', async (_what, body) => {
    const answer = await api.call('POST', '/api/payments/confirm', body);
    expect([answer.status, answer.body.errorCode]).toEqual([400, 'PEC0008']);
    expect(answer.body.data.issues.length).toBeGreaterThan(0);
  });
});

describe('confirm: the fence', () => {
  test('When the claim was taken over while the PSP was asked, then the late writer changes nothing', async () => {
    const { orderId, paymentKey, amount } = await authenticated();
    await api.psp('PUT', '/simulator/faults', { hold: 'answer', times: 1, orderId });
    const running = api.confirm(paymentKey, orderId, amount);
    await api.untilHeld(orderId);
    // What recovery does in another process: it ends the attempt by its own lookup.
    await api.database.administer(
      "UPDATE payment_events SET status = 'UNKNOWN', claim_token = NULL WHERE order_id = ? AND status = 'EXECUTING'",
      [orderId],
    );
    await api.psp('POST', '/simulator/release', {});
    const { status, body } = await running;
    expect([status, body.errorCode]).toEqual([202, 'PEC0007']);
    expect(await api.payment(orderId)).toMatchObject({ status: 'UNKNOWN', is_payment_done: 0 });
    expect(await api.events(orderId)).toEqual([]);
  });

  test('When our database does not take the record, then 202 and never "nothing was charged"', async () => {
    const { orderId, paymentKey, amount } = await authenticated();
    await api.psp('PUT', '/simulator/faults', { hold: 'answer', times: 1, orderId });
    const running = api.confirm(paymentKey, orderId, amount);
    await api.untilHeld(orderId);
    // The event's idempotency key is taken: the record's transaction fails as a whole.
    await api.database.administer(
      `INSERT INTO outbox (id, aggregate_type, aggregate_id, event_type, idempotency_key, payload)
       VALUES (UUID(), 'test', 'test', 'test', ?, '12345')`,
      [`payment.PaymentConfirmed:${orderId}`],
    );
    await api.psp('POST', '/simulator/release', {});
    const { status, body } = await running;
    expect([status, body.errorCode]).toEqual([202, 'PEC0007']);
    expect(await api.payment(orderId)).toMatchObject({ status: 'EXECUTING', is_payment_done: 0 });
    expect((await api.payment(orderId)).claim_token).not.toBeNull();
  });
});
