import { closeFixtures, fixture } from '../simulator.fixture';

afterEach(closeFixtures);

describe('look-up', () => {
  it('When a payment is looked up by key or by order, then it is the same', async () => {
    const { shopper, toss } = await fixture();
    const paymentKey = await shopper('order-look-up', 1000);
    const byKey = await toss('GET', `/v1/payments/${paymentKey}`);
    expect(byKey).toMatchObject({
      status: 200,
      body: { paymentKey, status: 'IN_PROGRESS', approvedAt: null },
    });
    expect(await toss('GET', '/v1/payments/orders/order-look-up')).toEqual(byKey);
  });

  it('When nothing is known, then 404', async () => {
    const { toss } = await fixture();
    const unknown = {
      status: 404,
      body: { code: 'NOT_FOUND_PAYMENT', message: '존재하지 않는 결제 정보 입니다.' },
    };
    expect(await toss('GET', '/v1/payments/unknown')).toEqual(unknown);
    expect(await toss('GET', '/v1/payments/orders/unknown')).toEqual(unknown);
    expect((await toss('GET', '/v1/elsewhere')).status).toBe(404);
  });

  it('When an order was tried twice, then the approved try is found, else the latest', async () => {
    const { shopper, toss, confirm } = await fixture();
    const orderId = 'order-twice';
    const first = await shopper(orderId, 1000);
    const second = await shopper(orderId, 1000);
    expect((await toss('GET', `/v1/payments/orders/${orderId}`)).body.paymentKey).toBe(second);
    await confirm({ paymentKey: first, orderId, amount: 1000 });
    expect((await toss('GET', `/v1/payments/orders/${orderId}`)).body.paymentKey).toBe(first);
  });

  it('When payment keys are made, then they differ and carry 128 random bits', async () => {
    const { shopper } = await fixture();
    const keys = await Promise.all(Array.from({ length: 50 }, () => shopper('order-keys', 1000)));
    expect(new Set(keys).size).toBe(50);
    for (const key of keys) expect(key).toMatch(/^tsim20261122120000[0-9a-f]{32}$/);
  });
});
