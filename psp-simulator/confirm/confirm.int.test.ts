import { basic, closeFixtures, fixture, NOON_KST_MS } from '../simulator.fixture';

afterEach(closeFixtures);

const orderId = 'order-confirm';
const amount = 6000;

describe('confirm', () => {
  it('When an authenticated payment is confirmed, then the whole Payment comes back, DONE', async () => {
    const { shopper, confirm } = await fixture();
    const paymentKey = await shopper(orderId, amount);
    const answer = await confirm({ paymentKey, orderId, amount });
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({
      version: '2022-11-16',
      paymentKey,
      orderId,
      currency: 'KRW',
      method: '카드',
      status: 'DONE',
      requestedAt: '2026-11-22T12:00:00+09:00',
      approvedAt: '2026-11-22T12:00:00+09:00',
      totalAmount: 6000,
      balanceAmount: 6000,
      suppliedAmount: 5455,
      vat: 545,
      taxFreeAmount: 0,
      type: 'NORMAL',
      card: { amount: 6000, issuerCode: '61', acquirerCode: '31', installmentPlanMonths: 0 },
      receipt: { url: expect.stringContaining(paymentKey) },
      checkout: { url: expect.stringContaining(paymentKey) },
      cancels: null,
      failure: null,
      isPartialCancelable: true,
    });
    expect(answer.body.lastTransactionKey).toMatch(/^txrd_[0-9a-f]{32}$/);
    expect(answer.body.card.approveNo).toMatch(/^\d{8}$/);
  });

  it('When a payment is confirmed again, then it is refused and stays DONE once', async () => {
    const { shopper, confirm, toss } = await fixture();
    const paymentKey = await shopper(orderId, amount);
    const first = await confirm({ paymentKey, orderId, amount }, 'first');
    const second = await confirm({ paymentKey, orderId, amount }, 'second');
    expect(second).toEqual({
      status: 400,
      body: { code: 'ALREADY_PROCESSED_PAYMENT', message: '이미 처리된 결제 입니다.' },
    });
    expect((await toss('GET', `/v1/payments/${paymentKey}`)).body).toEqual(first.body);
  });

  it('When ten confirms race under different keys, then exactly one approves', async () => {
    const { shopper, confirm, toss } = await fixture();
    const paymentKey = await shopper(orderId, amount);
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, n) => confirm({ paymentKey, orderId, amount }, `race-${n}`)),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    const list = await toss('GET', '/v1/transactions?startDate=2026-11-22&endDate=2026-11-22');
    expect(list.body).toHaveLength(1);
  });

  it.each([
    ['an unknown payment key', { paymentKey: 'nobody-knows' }, 404, 'NOT_FOUND_PAYMENT'],
    ['another order', { orderId: 'another-order' }, 404, 'NOT_FOUND_PAYMENT_SESSION'],
    ['another amount', { amount: 5999 }, 400, 'INVALID_REQUEST'],
    ['an amount as text', { amount: '6000' }, 400, 'INVALID_REQUEST'],
    ['a fraction of a won', { amount: 6000.5 }, 400, 'INVALID_REQUEST'],
    ['no amount', { amount: undefined }, 400, 'INVALID_REQUEST'],
    ['an amount beyond exact numbers', { amount: 2 ** 53 }, 400, 'INVALID_REQUEST'],
    ['a malformed order id', { orderId: 'a b' }, 400, 'INVALID_REQUEST'],
  ])(
    'When it is asked with %s, then it is refused and the payment stays open',
    async (_, wrong, status, code) => {
      const { shopper, toss } = await fixture();
      const paymentKey = await shopper(orderId, amount);
      const answer = await toss('POST', '/v1/payments/confirm', { paymentKey, orderId, amount, ...wrong });
      expect({ status: answer.status, code: answer.body.code }).toEqual({ status, code });
      expect((await toss('GET', `/v1/payments/${paymentKey}`)).body.status).toBe('IN_PROGRESS');
    },
  );

  it('When the amount is below 100 won, then it is refused', async () => {
    const { shopper, confirm } = await fixture();
    const paymentKey = await shopper(orderId, 99);
    const answer = await confirm({ paymentKey, orderId, amount: 99 });
    expect(answer).toMatchObject({ status: 400, body: { code: 'BELOW_MINIMUM_AMOUNT' } });
  });

  it('When ten minutes have passed since authentication, then the payment is EXPIRED', async () => {
    const { shopper, confirm, toss, time } = await fixture();
    const paymentKey = await shopper(orderId, amount);
    const inTime = await shopper('order-in-time', amount);
    time.nowMs = NOON_KST_MS + 599_999;
    expect((await confirm({ paymentKey: inTime, orderId: 'order-in-time', amount })).status).toBe(200);
    time.nowMs = NOON_KST_MS + 600_000;
    const answer = await confirm({ paymentKey, orderId, amount });
    expect(answer).toMatchObject({ status: 404, body: { code: 'NOT_FOUND_PAYMENT_SESSION' } });
    expect((await toss('GET', `/v1/payments/${paymentKey}`)).body.status).toBe('EXPIRED');
  });

  it('When the shopper has only opened the window (READY), then there is no session to confirm', async () => {
    const { control, confirm } = await fixture();
    const wanted = { orderId, amount, status: 'READY' };
    const { paymentKey } = (await control('POST', '/simulator/payments', wanted)).body;
    const answer = await confirm({ paymentKey, orderId, amount });
    expect(answer).toMatchObject({ status: 404, body: { code: 'NOT_FOUND_PAYMENT_SESSION' } });
  });

  it('When an order has thirteen digits of won, then not one is lost', async () => {
    const { shopper, confirm } = await fixture();
    const huge = Number.MAX_SAFE_INTEGER;
    const paymentKey = await shopper(orderId, huge);
    const { body } = await confirm({ paymentKey, orderId, amount: huge });
    expect(body.totalAmount).toBe(huge);
    expect(BigInt(body.suppliedAmount) + BigInt(body.vat)).toBe(BigInt(huge));
  });
});

describe('authentication', () => {
  const wrong = { status: 401, body: { code: 'UNAUTHORIZED_KEY' } };

  it('When the API key is missing or wrong, then nothing is done and the call is logged', async () => {
    const { shopper, toss, calls } = await fixture({ secretKey: 'test_sk_configured' });
    const paymentKey = await shopper(orderId, amount);
    const order = { paymentKey, orderId, amount };
    for (const authorization of ['', 'Bearer test_sk_configured', basic('test_sk_other:')]) {
      expect(await toss('POST', '/v1/payments/confirm', order, { authorization })).toMatchObject(wrong);
    }
    const withoutColon = await toss('POST', '/v1/payments/confirm', order, {
      authorization: basic('test_sk_configured'),
    });
    expect(withoutColon).toMatchObject({ status: 403, body: { code: 'INCORRECT_BASIC_AUTH_FORMAT' } });
    expect((await calls(orderId)).map((call) => call.code)).toEqual([
      'UNAUTHORIZED_KEY',
      'UNAUTHORIZED_KEY',
      'UNAUTHORIZED_KEY',
      'INCORRECT_BASIC_AUTH_FORMAT',
    ]);
    const right = { authorization: basic('test_sk_configured:') };
    expect((await toss('POST', '/v1/payments/confirm', order, right)).status).toBe(200);
  });

  it('When no key is configured, then every test key is accepted, and a live key is not', async () => {
    const { toss } = await fixture();
    const ask = (key: string) =>
      toss('GET', '/v1/payments/none', undefined, { authorization: basic(`${key}:`) });
    expect((await ask('test_sk_any1')).status).toBe(404);
    expect(await ask('live_sk_any1')).toMatchObject(wrong);
  });
});
