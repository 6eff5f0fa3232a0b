import { randomUUID } from 'node:crypto';
import { ADMIN_KEY, startTestApi, type Json, type TestApi } from './payment-api.fixture';

const admin = { authorization: `Bearer ${ADMIN_KEY}` };
let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

describe('GET /api/products', () => {
  test('When products are listed, then each has its price and its seller', async () => {
    const { status, body } = await api.call('GET', '/api/products');
    expect(status).toBe(200);
    expect(body.data.productList).toHaveLength(6);
    expect(body.data.productList[3]).toEqual({
      productNo: 4,
      productId: 'D',
      name: '상품D',
      price: 1500,
      sellerNo: 2,
    });
  });
});

describe('GET /api/payments/{orderId}', () => {
  test('When an order exists, then it is shown with its lines', async () => {
    const { orderId } = await api.order([1, 6]);
    const { status, body } = await api.call('GET', `/api/payments/${orderId}`);
    expect(status).toBe(200);
    expect(body.data).toEqual({
      orderId,
      orderName: '상품A 그외 1건',
      amount: 1500,
      status: 'NOT_STARTED',
      isPaymentDone: false,
      isWalletDone: false,
      approvedAt: null,
      failure: null,
      paymentOrderList: [
        {
          paymentOrderNo: expect.any(Number),
          productNo: 1,
          name: '상품A',
          sellerNo: 1,
          amount: 1000,
          status: 'NOT_STARTED',
        },
        {
          paymentOrderNo: expect.any(Number),
          productNo: 6,
          name: '상품F',
          sellerNo: 3,
          amount: 500,
          status: 'NOT_STARTED',
        },
      ],
      cancels: [],
    });
  });

  test('When there is no such order, then 404 PEC0003; in English when asked for', async () => {
    const { status, body } = await api.call('GET', `/api/payments/${randomUUID()}`, undefined, {
      'accept-language': 'en',
    });
    expect([status, body.errorCode, body.message]).toEqual([404, 'PEC0003', 'There is no such payment.']);
  });

  test('When an order id differs only in case, then it is another order', async () => {
    const { orderId } = await api.order();
    const { status } = await api.call('GET', `/api/payments/${orderId.toUpperCase()}`);
    expect(status).toBe(404);
  });

  test.each(['a', 'x'.repeat(65), 'order%20id', '%F0%9F%92%A9order'])(
    'When the order id is %p, then 400 PEC0008',
    async (id) => {
      const { status, body } = await api.call('GET', `/api/payments/${id}`);
      expect([status, body.errorCode]).toEqual([400, 'PEC0008']);
    },
  );
});

describe('GET /api/payments', () => {
  test.each([
    ['no key', {}],
    ['a wrong key', { authorization: 'Bearer wrong' }],
    ['another scheme', { authorization: `Basic ${ADMIN_KEY}` }],
    ['an empty key', { authorization: 'Bearer ' }],
  ])('When it comes with %s, then 401 PEC0009 and no payment', async (_what, headers) => {
    const { status, body } = await api.call('GET', '/api/payments', undefined, headers);
    expect([status, body.errorCode, body.data]).toEqual([401, 'PEC0009', null]);
  });

  test('When two payments with three orders each exist, then both are listed with all their orders', async () => {
    const orders = [await api.order(), await api.order()];
    const { status, body } = await api.call('GET', '/api/payments?limit=2', undefined, admin);
    expect(status).toBe(200);
    const listed = body.data.paymentEventList;
    expect(listed.map((payment: Json) => payment.orderId)).toEqual(
      orders.map(({ orderId }) => orderId).toReversed(),
    );
    expect(listed.map((payment: Json) => payment.paymentOrderList.length)).toEqual([3, 3]);
    expect(listed[0]).toMatchObject({
      method: 'CARD',
      type: 'NORMAL',
      totalAmount: 6000,
      isPaymentDone: false,
      isWalletDone: false,
      approvedDateTime: null,
      paymentKey: null,
    });
    expect(listed[0].paymentOrderList[2]).toEqual({
      paymentOrderNo: expect.any(Number),
      orderId: listed[0].orderId,
      amount: 3000,
      status: 'NOT_STARTED',
      productNo: 3,
      productId: 'C',
      name: '상품C',
      price: 3000,
      sellerNo: 1,
    });
  });

  test('When pages are followed by cursor, then every payment comes once, newest first', async () => {
    const orders: string[] = [];
    for (let index = 0; index < 5; index += 1) orders.push((await api.order([1])).orderId);
    const seen: string[] = [];
    let cursor = '';
    do {
      const { body } = await api.call(
        'GET',
        `/api/payments?limit=2${cursor && `&cursor=${cursor}`}`,
        undefined,
        admin,
      );
      seen.push(...body.data.paymentEventList.map((payment: Json) => payment.orderId));
      cursor = body.data.nextCursor;
    } while (cursor !== null);
    expect(seen.slice(0, 5)).toEqual(orders.toReversed());
    expect(new Set(seen).size).toBe(seen.length);
  });

  test('When a status is asked for, then only payments with it come', async () => {
    const { orderId, amount } = await api.order();
    await api.confirm(await api.authenticate(orderId, amount), orderId, amount);
    const { body } = await api.call('GET', '/api/payments?status=SUCCESS', undefined, admin);
    expect(body.data.paymentEventList.map((payment: Json) => payment.orderId)).toEqual([orderId]);
  });

  test('When an order id is asked for, then its payment comes and no other; none is no error', async () => {
    const { orderId } = await api.order();
    await api.order();
    const listed = async (query: string): Promise<string[]> => {
      const { status, body } = await api.call('GET', `/api/payments?${query}`, undefined, admin);
      expect([status, body.data.nextCursor]).toEqual([200, null]);
      return body.data.paymentEventList.map((payment: Json) => payment.orderId);
    };
    expect(await listed(`orderId=${orderId}`)).toEqual([orderId]);
    expect(await listed(`orderId=${orderId.slice(0, -1)}`)).toEqual([]);
    expect(await listed(`orderId=${orderId.toUpperCase()}`)).toEqual([]);
    expect(await listed(`orderId=${orderId}&status=SUCCESS`)).toEqual([]);
  });

  test.each([
    'orderId=short',
    'orderId=',
    'limit=0',
    'limit=201',
    'limit=x',
    'cursor=!!',
    'cursor=AAAA',
    'status=PAID',
    'foo=1',
    'limit=1&limit=2',
  ])('When the query is %p, then 400 PEC0008', async (query) => {
    const { status, body } = await api.call('GET', `/api/payments?${query}`, undefined, admin);
    expect([status, body.errorCode]).toEqual([400, 'PEC0008']);
  });
});

describe('pages and the rest', () => {
  test.each(['/', '/success', '/fail', '/admin'])(
    'When %s is opened, then it is a page that loads nothing from elsewhere',
    async (path) => {
      const response = await fetch(`${api.url}${path}`);
      expect([response.status, response.headers.get('content-type')]).toEqual([
        200,
        'text/html; charset=utf-8',
      ]);
      const policy = response.headers.get('content-security-policy') ?? '';
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("script-src 'self';");
      expect(policy).not.toContain('http');
      expect(response.headers.get('cross-origin-opener-policy')).toBe('same-origin-allow-popups');
      const html = await response.text();
      expect(html).not.toMatch(/(src|href)="(?!\/|data:,|#")/);
      for (const [, asset] of html.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)) {
        expect((await fetch(`${api.url}${asset}`)).status).toBe(200);
      }
    },
  );

  test('When the order page of an order is opened, then it is there; of no order, then a page says so with 404', async () => {
    const { orderId } = await api.order([1]);
    const statuses: number[] = [];
    for (const id of [orderId, randomUUID(), 'a', '%3Cb%3E']) {
      const response = await fetch(`${api.url}/orders/${id}`);
      expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
      expect([response.headers.get('cache-control'), response.headers.get('referrer-policy')]).toEqual([
        'no-store',
        'no-referrer',
      ]);
      statuses.push(response.status);
      await response.arrayBuffer();
    }
    expect(statuses).toEqual([200, 404, 404, 404]);
  });

  test('The page for administrators is told where the wallets are shown', async () => {
    const { status, body } = await api.call('GET', '/api/wallet-page', undefined, admin);
    expect([status, body.data]).toEqual([200, { url: 'http://127.0.0.1:8081' }]);
    expect((await api.call('GET', '/api/wallet-page')).body).toMatchObject({
      errorCode: 'PEC0009',
      data: null,
    });
  });

  test('The shop is told how the payment window is opened', async () => {
    const { body } = await api.call('GET', '/api/payment-window');
    expect(body.data).toEqual({ kind: 'simulator', url: `${api.pspUrl}/window` });
  });

  test('When a route does not exist, then 404 PEC0013', async () => {
    const { status, body } = await api.call('GET', '/api/nothing');
    expect([status, body.errorCode]).toEqual([404, 'PEC0013']);
  });

  test('When a path cannot be decoded, then 400 PEC0008', async () => {
    const { status, body } = await api.call('GET', '/api/payments/%E0%A4%A');
    expect([status, body.errorCode]).toEqual([400, 'PEC0008']);
  });

  test('The API says that it lives and that it is ready', async () => {
    expect((await api.call('GET', '/health/live')).body).toEqual({ status: 'ok' });
    expect((await api.call('GET', '/health/ready')).body).toEqual({
      status: 'ok',
      checks: { database: 'ok' },
    });
  });
});
