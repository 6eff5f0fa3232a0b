import { Writable } from 'node:stream';
import { createLog } from '#kit/log';
import { ADMIN_KEY, PSP_TIMEOUT_MS, startTestApi, type Json, type TestApi } from './payment-api.fixture';
import { breakerOf, type PspBreaker } from './toss/psp-breaker';
import { createTossClient, type Psp } from './toss/toss-client';

const SECRET = 'test_sk_simulator';

/** Puts this process's clocks forward until the test's end. */
function jumpClock(ms: number): void {
  const [date, monotonic] = [Date.now, performance.now.bind(performance)];
  jest.spyOn(Date, 'now').mockImplementation(() => date() + ms);
  jest.spyOn(performance, 'now').mockImplementation(() => monotonic() + ms);
}

describe('the circuit breaker', () => {
  /** Long, so that it stays open while the test looks; then the clock jumps. */
  const OPEN_MS = 600_000;
  let api: TestApi;
  let breaker: PspBreaker;
  beforeAll(async () => {
    // The simulator's address is known only when it runs.
    let psp: Psp | undefined;
    const late = (): Psp =>
      (psp ??= createTossClient({ baseUrl: api.pspUrl, secretKey: SECRET, timeoutMs: PSP_TIMEOUT_MS }));
    const lazy: Psp = {
      confirm: (...args) => late().confirm(...args),
      cancel: (...args) => late().cancel(...args),
      lookUp: (...args) => late().lookUp(...args),
      lookUpOrder: (...args) => late().lookUpOrder(...args),
    };
    breaker = breakerOf(lazy, { openMs: OPEN_MS, log: createLog('test', 'silent') });
    api = await startTestApi({ psp: breaker.psp, pspGate: breaker.gate });
  });
  afterAll(() => api.close());

  test('When the PSP is down, then confirms and cancels are told 503, nothing is claimed or asked; then it goes on', async () => {
    const paid = await api.paid([1, 4]);
    const open = await api.order([1]);
    const paymentKey = await api.authenticate(open.orderId, open.amount);
    const victim = await api.order([1]);
    const victimKey = await api.authenticate(victim.orderId, victim.amount);
    // The PSP does the work and answers with an error. The call that opens the circuit is followed by a look that is not
    // sent: nobody may say of it that nothing was charged.
    const charged: { orderId: string; status: number }[] = [];
    for (let tries = 0; tries < 20 && !breaker.isOpen(); tries += 1) {
      const next = await api.order([1]);
      const key = await api.authenticate(next.orderId, next.amount);
      await api.psp('PUT', '/simulator/faults', {
        errorCode: 'FAILED_INTERNAL_SYSTEM_PROCESSING',
        errorAfterWork: true,
        operations: ['confirm'],
        orderId: next.orderId,
      });
      const { status } = await api.confirm(key, next.orderId, next.amount);
      charged.push({ orderId: next.orderId, status });
    }
    expect(charged.at(-1)?.status).toBe(202);
    expect(charged.filter(({ status }) => status !== 200 && status !== 202)).toEqual([]);
    expect(breaker.isOpen()).toBe(true);

    const refused = await api.confirm(paymentKey, open.orderId, open.amount);
    expect([refused.status, refused.body.errorCode]).toEqual([503, 'PEC0014']);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await api.payment(open.orderId)).toMatchObject({
      status: 'NOT_STARTED',
      claim_token: null,
      attempt: 0,
    });
    expect(await api.confirmCalls(open.orderId)).toEqual([]);
    const refusedCancel = await api.cancel(paid.orderId, paid.lineNos.slice(0, 1));
    expect([refusedCancel.status, refusedCancel.body.errorCode]).toEqual([503, 'PEC0014']);
    expect(await api.cancels(paid.orderId)).toEqual([]);
    // What is written down already is answered from the rows.
    expect((await api.confirm(paid.paymentKey, paid.orderId, paid.amount)).status).toBe(200);
    // A wrong amount is told before the PSP is thought of.
    expect((await api.confirm(victimKey, victim.orderId, 1)).body.errorCode).toBe('PEC0002');

    await api.psp('PUT', '/simulator/faults', {});
    jumpClock(OPEN_MS + 50);
    expect((await api.confirm(paymentKey, open.orderId, open.amount)).status).toBe(200);
    expect((await api.cancel(paid.orderId, paid.lineNos.slice(0, 1))).status).toBe(200);
    await api.database.administer(
      "UPDATE payment_events SET next_check_at = NOW(3) WHERE status = 'UNKNOWN'",
    );
    await api.recover();
    for (const { orderId } of charged) {
      expect(await api.payment(orderId)).toMatchObject({ status: 'SUCCESS', last_event_seq: 1 });
      const calls = await api.confirmCalls(orderId);
      expect(new Set(calls.map((call) => call.paymentKey)).size).toBe(1);
    }
  });

  test('When the circuit opens between gate and call, then the claim is given back and nothing was asked', async () => {
    const { orderId, amount } = await api.order([1]);
    const paymentKey = await api.authenticate(orderId, amount);
    const notSent = async () => ({ kind: 'none', reason: 'not sent', isSent: false }) as const;
    const original = { ...breaker.psp };
    breaker.psp.confirm = notSent;
    const refused = await api.confirm(paymentKey, orderId, amount);
    Object.assign(breaker.psp, original);
    expect([refused.status, refused.body.errorCode]).toEqual([503, 'PEC0014']);
    expect(await api.payment(orderId)).toMatchObject({ status: 'NOT_STARTED', claim_token: null });
    expect(await api.history(orderId)).toEqual(['NOT_STARTED → EXECUTING', 'EXECUTING → NOT_STARTED']);
    expect((await api.confirm(paymentKey, orderId, amount)).status).toBe(200);
  });
});

describe('the rate limit', () => {
  const PER_MINUTE = 5;
  let api: TestApi;
  beforeAll(async () => {
    api = await startTestApi({ rateLimitPerMinute: PER_MINUTE }, { trustedProxies: ['127.0.0.1'] });
  });
  afterAll(() => api.close());
  const from = (address: string) => ({ 'x-forwarded-for': address });
  const checkout = (address: string) =>
    api.call('POST', '/api/payments/checkout', { productNos: [1] }, from(address));

  test('When a client asks too often, then 429 with Retry-After; others, and its other routes, are served', async () => {
    for (let n = 0; n < PER_MINUTE; n += 1) expect((await checkout('203.0.113.1')).status).toBe(201);
    const refused = await checkout('203.0.113.1');
    expect([refused.status, refused.body.errorCode]).toEqual([429, 'PEC0010']);
    const seconds = Number(refused.headers.get('retry-after'));
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThanOrEqual(60);
    expect((await checkout('203.0.113.2')).status).toBe(201);
    const confirm = { paymentKey: 'k', orderId: 'order-that-is-not', amount: 1000 };
    expect((await api.call('POST', '/api/payments/confirm', confirm, from('203.0.113.1'))).status).toBe(404);
    expect((await api.call('GET', '/api/products', undefined, from('203.0.113.1'))).status).toBe(200);
  });

  test('When webhooks flood in from one address, then it is turned away, and the PSP’s hint from another is taken', async () => {
    const { orderId } = (await checkout('203.0.113.20')).body.data;
    await api.database.administer(
      "UPDATE payment_events SET status = 'UNKNOWN', payment_key = UUID(), claimed_at = NOW(3) WHERE order_id = ?",
      [orderId],
    );
    const webhook = (address: string, of: string) =>
      api.call(
        'POST',
        '/api/webhooks/toss',
        {
          eventType: 'PAYMENT_STATUS_CHANGED',
          createdAt: '2026-11-22T10:05:40.123000',
          data: { orderId: of, paymentKey: 'a-key', status: 'DONE' },
        },
        from(address),
      );
    const statuses: number[] = [];
    // As much as ten clients together: the PSP itself comes from few addresses.
    for (let n = 0; n <= 10 * PER_MINUTE; n += 1)
      statuses.push((await webhook('203.0.113.21', `order-${n}-that-is-not`)).status);
    expect(statuses.slice(0, -1).every((status) => status === 200)).toBe(true);
    // No 2xx: whoever is honest sends it again.
    expect(statuses.at(-1)).toBe(429);
    expect((await webhook('203.0.113.21', orderId)).status).toBe(429);
    expect((await webhook('203.0.113.22', orderId)).status).toBe(200);
    const [row] = await api.database.administer<Json[]>(
      'SELECT next_check_at <= NOW(3) AS due FROM payment_events WHERE order_id = ?',
      [orderId],
    );
    expect(Number(row.due)).toBe(1);
  });

  test('When a client shows many wrong keys, then it is told to wait; whoever has the right one is not', async () => {
    const list = (address: string, key: string) =>
      api.call('GET', '/api/payments?limit=1', undefined, {
        ...from(address),
        authorization: `Bearer ${key}`,
      });
    for (let n = 0; n < 3 * PER_MINUTE; n += 1)
      expect((await list('203.0.113.30', ADMIN_KEY)).status).toBe(200);
    for (let n = 0; n < PER_MINUTE; n += 1)
      expect((await list('203.0.113.30', `guess-${n}`)).status).toBe(401);
    const refused = await list('203.0.113.30', 'guess');
    expect([refused.status, refused.body.errorCode]).toEqual([429, 'PEC0010']);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    // All routes count together: a key is one key.
    const history = await api.call('GET', '/api/payments/order-1234/history', undefined, {
      ...from('203.0.113.30'),
      authorization: 'Bearer guess',
    });
    expect(history.status).toBe(429);
    expect((await list('203.0.113.30', ADMIN_KEY)).status).toBe(200);
    expect((await list('203.0.113.31', 'guess')).status).toBe(401);
  });

  test('When a client has a network of IPv6 addresses, then it is one client', async () => {
    const statuses: number[] = [];
    for (let n = 0; n <= PER_MINUTE; n += 1) statuses.push((await checkout(`2001:db8:1:1::${n + 1}`)).status);
    expect(statuses.at(-1)).toBe(429);
    expect((await checkout('2001:db8:2:1::1')).status).toBe(201);
  });

  test('When the request is not even well-formed, then it counts', async () => {
    for (let n = 0; n < PER_MINUTE; n += 1)
      expect((await api.call('POST', '/api/payments/checkout', '{', from('203.0.113.9'))).status).toBe(400);
    expect((await checkout('203.0.113.9')).status).toBe(429);
  });

  test('When nobody is trusted to forward, then whoever claims to does not get a new count', async () => {
    const direct = await startTestApi({ rateLimitPerMinute: 2 });
    const statuses: number[] = [];
    for (let n = 0; n < 3; n += 1) {
      const body = { productNos: [1] };
      statuses.push(
        (await direct.call('POST', '/api/payments/checkout', body, from(`198.51.100.${n}`))).status,
      );
    }
    await direct.close();
    expect(statuses).toEqual([201, 201, 429]);
  });
});

describe('the log', () => {
  const written: string[] = [];
  let api: TestApi;
  beforeAll(async () => {
    const sink = new Writable({
      write(chunk: Buffer, _encoding, done) {
        written.push(chunk.toString());
        done();
      },
    });
    api = await startTestApi({}, { log: createLog('payment-api', 'trace', sink) });
  });
  afterAll(() => api.close());

  test('Whatever happens, no secret, no card and no PSP object is written', async () => {
    const CARD = '4330123412341234';
    const paid = await api.paid([1, 4]);
    const card = JSON.parse((await api.payment(paid.orderId)).psp_raw_data).card as {
      number: string;
      approveNo: string;
    };
    await api.cancel(paid.orderId, paid.lineNos.slice(0, 1));
    await api.call('GET', '/api/payments', undefined, { authorization: `Bearer ${ADMIN_KEY}` });
    await api.call('GET', '/api/payments', undefined, { authorization: `Bearer wrong-${CARD}` });
    await api.call('GET', `/success?paymentKey=${CARD}`).catch(() => {});
    await api.call('POST', '/api/payments/checkout', `{"card": "${CARD}"`);
    await api.call('POST', '/api/payments/checkout', { productNos: [1], cardNumber: CARD });
    await api.call('POST', '/api/payments/confirm', { paymentKey: CARD, orderId: CARD, amount: CARD });
    const refused = await api.order([1]);
    await api.psp('PUT', '/simulator/faults', { errorCode: 'REJECT_CARD_COMPANY', orderId: refused.orderId });
    await api.confirm(
      await api.authenticate(refused.orderId, refused.amount),
      refused.orderId,
      refused.amount,
    );
    await api.psp('PUT', '/simulator/faults', {});
    await api.call('POST', '/api/webhooks/toss', {
      eventType: 'PAYMENT_STATUS_CHANGED',
      createdAt: 'x',
      data: { orderId: paid.orderId, paymentKey: 'k', status: 'CANCELED', card: { number: CARD } },
    });
    await api.database.administer('RENAME TABLE payment_orders TO payment_orders_gone');
    await api.call('GET', `/api/payments/${paid.orderId}`);
    await api.database.administer('RENAME TABLE payment_orders_gone TO payment_orders');

    const log = written.join('');
    // It has written: of the answers, of the PSP, and of the defect.
    expect(log).toMatch(/"step":"succeed"/);
    expect(log).toMatch(/request failed/);
    const basic = Buffer.from(`${SECRET}:`).toString('base64');
    const password = new URL(api.database.url('paymentApi')).password;
    for (const secret of [SECRET, basic, ADMIN_KEY, CARD, card.number, card.approveNo, `:${password}@`]) {
      expect({ secret, isWritten: log.includes(secret) }).toEqual({ secret, isWritten: false });
    }
    expect(log).not.toMatch(/issuerCode|approveNo/);
  });
});

test('When a request carries a wrong type, another content type or too much, then it is refused and nothing is written', async () => {
  const api = await startTestApi();
  const before = await api.database.administer<Json[]>('SELECT COUNT(*) AS n FROM payment_events');
  const cases: [unknown, number, Record<string, string>?][] = [
    [{ productNos: ['1'] }, 400],
    [{ productNos: [1.5] }, 400],
    [{ productNos: 1 }, 400],
    [{ productNos: [1], price: 1 }, 400],
    [[1], 400],
    [{ productNos: Array.from({ length: 101 }, () => 1) }, 400],
    [JSON.stringify({ productNos: [1], pad: 'x'.repeat(70_000) }), 413],
    ['productNos=1', 415, { 'content-type': 'application/x-www-form-urlencoded' }],
  ];
  for (const [body, http, headers] of cases) {
    const answer = await api.call('POST', '/api/payments/checkout', body, headers);
    expect([JSON.stringify(body).slice(0, 40), answer.status, answer.body.errorCode]).toEqual([
      JSON.stringify(body).slice(0, 40),
      http,
      'PEC0008',
    ]);
  }
  expect(await api.database.administer('SELECT COUNT(*) AS n FROM payment_events')).toEqual(before);
  await api.close();
});
